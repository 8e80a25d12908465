import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { createBudgetStore } from '../../../src/control/budgets.js';
import { migrateControl, openControl } from '../../../src/control/database.js';
import type { BreakerSettings } from '../../../src/domain/breaker.js';
import type { Rate } from '../../../src/domain/rate.js';
import { Secret } from '../../../src/domain/secret.js';
import { startSandbox } from '../../../src/sandbox/sandbox.js';
import { createDatabase } from '../../setup/database.js';
import { projectRoot } from '../../setup/shared.js';
import type { ReaderSettings } from './reader.js';

export const quickBreaker: BreakerSettings = {
  failures: 5,
  ratio: 0.5,
  minimum: 20,
  windowMs: 5_000,
  openMs: 600,
  longestOpenMs: 1_200,
  probeMs: 3_000,
};

export interface Reader {
  readonly child: ChildProcess;
  /** What each answered request had waited, in milliseconds. */
  readonly waits: number[];
  readonly errors: string[];
  begin(): void;
}

/** A control database, a vendor with its own journal, and processes that share one budget. */
export async function openCrew() {
  const [database, sandbox] = await Promise.all([
    createDatabase(),
    startSandbox({
      port: 0,
      records: 60,
      coupaLimit: null,
      secrets: {
        coupaClientSecret: 'crew',
        zendeskApiToken: 'crew',
        salesforceClientSecret: 'crew',
        slackBotToken: 'crew',
      },
    }),
  ]);
  const control = openControl(new Secret(database.url), { poolMax: 6 });
  await migrateControl(control);
  const readers: Reader[] = [];
  /** When each request for data arrived, by the vendor's own clock; read as it grows, since only the last are kept. */
  const arrivals: { readonly atMs: number; readonly outcome: string }[] = [];
  const add = sandbox.requests.add.bind(sandbox.requests);
  sandbox.requests.add = (request) => {
    add(request);
    if (request.template.startsWith('/api/'))
      arrivals.push({ atMs: Date.parse(request.at), outcome: request.outcome });
  };

  async function reader(
    more: Pick<ReaderSettings, 'requestClass' | 'loops'> & { readonly rate: Rate | null },
  ): Promise<Reader> {
    const settings: ReaderSettings = {
      controlUrl: database.url,
      baseUrl: `${sandbox.url}/coupa`,
      secret: 'crew',
      breaker: quickBreaker,
      ...more,
    };
    const child = spawn(process.execPath, ['--import', 'tsx', path.join(import.meta.dirname, 'reader.ts')], {
      cwd: projectRoot,
      env: { PATH: process.env['PATH'] ?? '', READER: JSON.stringify(settings) },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const made: Reader = {
      child,
      waits: [],
      errors: [],
      begin: () => void child.stdin?.write('go\n'),
    };
    readers.push(made);
    const lines = createInterface({ input: child.stdout });
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error('the reader ended')));
      lines.on('line', (line) => {
        const { ready, waitedMs, error } = JSON.parse(line) as {
          ready?: boolean;
          waitedMs?: number;
          error?: string;
        };
        if (ready === true) resolve();
        if (waitedMs !== undefined) made.waits.push(waitedMs);
        if (error !== undefined) made.errors.push(error);
      });
    });
    return made;
  }

  return {
    control,
    sandbox,
    store: createBudgetStore(control),
    arrivals,
    reader,
    async dismiss(): Promise<void> {
      await Promise.all(
        readers.splice(0).map(({ child }) => {
          if (child.exitCode !== null || child.signalCode !== null) return undefined;
          const gone = new Promise((resolve) => child.once('exit', resolve));
          child.kill('SIGKILL');
          return gone;
        }),
      );
    },
    async close(): Promise<void> {
      await this.dismiss();
      await control.close();
      await sandbox.close();
      await database.drop();
    },
  };
}

/** The most that arrived in any stretch of so many milliseconds, wherever it begins. */
export function mostInWindow(timesMs: readonly number[], windowMs: number): number {
  const sorted = timesMs.toSorted((a, b) => a - b);
  let most = 0;
  for (let end = 0, start = 0; end < sorted.length; end += 1) {
    while ((sorted[end] ?? 0) - (sorted[start] ?? 0) >= windowMs) start += 1;
    most = Math.max(most, end - start + 1);
  }
  return most;
}
