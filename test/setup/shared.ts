import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Guard, startGuard } from '../../src/cli/stack/guard.js';
import { openLog } from '../../src/cli/stack/log-file.js';
import { createPart, type Part, type PartSpec } from '../../src/cli/stack/part.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The throwaway PostgreSQL: `postgres://baton:…@127.0.0.1:<port>/postgres`. Use `createDatabase`. */
    postgresUrl: string;
    /** The shared dev server, in memory: `127.0.0.1:<port>`; namespace `default`. */
    temporalAddress: string;
    /** The Temporal CLI, and with it the dev server. */
    temporalPath: string;
    /** The time-skipping test server, for `TestWorkflowEnvironment.createTimeSkipping({server: {executable}})`. */
    testServerPath: string;
    /** The built programs: `<dist>/workers/main.js`, … */
    distPath: string;
    /** The bundled workflows, for `workflowBundle: {codePath}`. */
    workflowBundlePath: string;
  }
}

export const projectRoot = path.resolve(import.meta.dirname, '..', '..');

/** The state folder of the project itself, whose `bin` is the last resort for binaries. */
export const projectHome = path.join(projectRoot, '.baton');

const registry = Symbol.for('baton.test.shared');

interface Shared<T> {
  readonly value: Promise<T>;
  users: number;
}

/**
 * One value for all tiers of one test run, made for the first that asks. Each tier's set-up is loaded as its
 * own copy of these modules, so the value hangs on the process.
 */
export function share<T>(name: string, make: () => Promise<T>): Promise<T> {
  const shared = sharedValues<T>();
  const known = shared.get(name) ?? { value: make(), users: 0 };
  known.users += 1;
  shared.set(name, known);
  return known.value;
}

/** Gives the value back; the last one to do so ends it. */
export async function unshare<T>(name: string, end: (value: T) => Promise<void>): Promise<void> {
  const known = sharedValues<T>().get(name);
  if (known === undefined) return;
  known.users -= 1;
  if (known.users > 0) return;
  sharedValues<T>().delete(name);
  await known.value.then(end, () => {});
}

function sharedValues<T>(): Map<string, Shared<T>> {
  const holder = globalThis as unknown as Record<symbol, Map<string, Shared<T>> | undefined>;
  const values = holder[registry] ?? new Map<string, Shared<T>>();
  holder[registry] = values;
  return values;
}

/** A server for the length of a test run. The guard ends it when the test run itself is killed. */
export interface TestServer {
  readonly part: Part;
  stop(): Promise<void>;
}

export async function serve(spec: PartSpec, folder: string): Promise<TestServer> {
  const guard: Guard = startGuard();
  const log = openLog(path.join(folder, `${spec.name}.log`));
  const part = createPart(spec, { guard, log, restart: false });
  await part.begin();
  return {
    part,
    async stop() {
      await part.stop();
      guard.close();
      log.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A folder for one server's files, removed with it. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), `baton-test-${name}-`));
  chmodSync(folder, 0o755); // PostgreSQL runs as another account when we are root
  return folder;
}
