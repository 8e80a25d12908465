import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { callJson } from '../http-call.js';
import { type Contestant, requireEqual, type Scene, type StepTime } from './contestant.js';
import { findDlt } from './dlt-environment.js';

const database = 'bench_dlt';

interface DltLoad {
  readonly records: number;
  readonly wallMs: number;
  readonly readAt: string;
  readonly steps: readonly StepTime[];
}

/** dlt_server.py in a process of its own, on a database of its own. Null, saying why, where dlt cannot be had. */
export async function openDlt(scene: Scene): Promise<Contestant | null> {
  const { stage, vendor, records, pageSize, say } = scene;
  const { postgres } = stage;
  const found = await findDlt(say);
  if ('reason' in found) {
    say(`dlt: not run (${found.reason})`);
    return null;
  }
  await postgres.freshDatabase(database);
  const port = await stage.freePort();
  const program = path.join(import.meta.dirname, 'dlt_server.py');
  const actor = await stage.start({
    name: 'dlt',
    program: found.python,
    args: [program, String(port), vendor.url, String(pageSize)],
    env: environment(scene),
  });
  let readAt = '';
  return {
    name: 'dlt',
    processes: { client: actor.pid },
    async load(phase) {
      const since = phase === 'changes' ? readAt : null;
      const query = since === null ? '' : `?since=${since}`;
      const loaded = await callJson<DltLoad>('POST', `http://127.0.0.1:${port}/load${query}`);
      readAt = loaded.readAt;
      return {
        records: loaded.records,
        wallMs: loaded.wallMs,
        async check() {
          const expected = await vendor.counts({ from: since, to: loaded.readAt });
          const [table] = await postgres.query<{ rows: number }>(
            database,
            'SELECT count(*)::int AS rows FROM bench.orders',
          );
          requireEqual('dlt', {
            'records read': [loaded.records, expected.records],
            'rows in the table': [table?.rows ?? 0, records],
          });
          return { steps: loaded.steps };
        },
      };
    },
    async close() {
      await actor.stop();
      await postgres.dropDatabase(database);
    },
  };
}

/** https://dlthub.com/docs/reference/performance: buffers of many rows, files for each worker, COPY of CSV. */
function environment({ stage, records }: Scene): Record<string, string> {
  const workers = os.availableParallelism();
  const credentials = new URL(stage.postgres.url(database));
  credentials.password = stage.postgres.password;
  credentials.protocol = 'postgresql:';
  return {
    DLT_DATA_DIR: mkdtempSync(path.join(stage.folder, 'dlt-')),
    RUNTIME__DLTHUB_TELEMETRY: 'false',
    RUNTIME__LOG_LEVEL: 'ERROR',
    DESTINATION__POSTGRES__CREDENTIALS: credentials.href,
    DATA_WRITER__BUFFER_MAX_ITEMS: '50000',
    // As many files as there are workers: a file is what one worker takes at a time.
    DATA_WRITER__FILE_MAX_ITEMS: String(Math.max(10_000, Math.ceil(records / (4 * workers)))),
    DATA_WRITER__DISABLE_COMPRESSION: 'true',
    NORMALIZE__WORKERS: String(workers),
    LOAD__WORKERS: String(2 * workers),
    NORMALIZE__LOADER_FILE_FORMAT: 'csv',
  };
}
