import path from 'node:path';
import { callJson } from '../http-call.js';
import { type Contestant, requireEqual, type Scene } from './contestant.js';
import type { RawLoad } from './raw.js';

const database = 'bench_raw';

/** raw.ts in a process of its own, on a database of its own. */
export async function openRaw({ stage, vendor, records, pageSize }: Scene): Promise<Contestant> {
  const { postgres } = stage;
  await postgres.freshDatabase(database);
  const port = await stage.freePort();
  const address = new URL(postgres.url(database));
  address.password = postgres.password;
  const actor = await stage.start({
    name: 'raw',
    args: [path.join(import.meta.dirname, 'raw.js'), String(port), vendor.url, String(pageSize)],
    env: { BENCH_DATABASE_URL: address.href },
  });
  let readAt = '';
  return {
    name: 'raw',
    processes: { client: actor.pid },
    async load(phase) {
      const since = phase === 'changes' ? readAt : null;
      const query = since === null ? '' : `?since=${since}`;
      const loaded = await callJson<RawLoad>('POST', `http://127.0.0.1:${port}/load${query}`);
      readAt = loaded.readAt;
      return {
        records: loaded.records,
        wallMs: loaded.wallMs,
        async check() {
          const expected = await vendor.counts({ from: since, to: loaded.readAt });
          const [table] = await postgres.query<{ rows: number }>(
            database,
            'SELECT count(*)::int AS rows FROM orders',
          );
          requireEqual('raw', {
            'records read': [loaded.records, expected.records],
            'rows in the table': [table?.rows ?? 0, records],
          });
          const [copied, ended] = [loaded.copiedMs / 1000, loaded.wallMs / 1000];
          return {
            steps: [
              { id: 'fetch and copy', beganAt: 0, endedAt: copied },
              { id: 'upsert', beganAt: copied, endedAt: ended },
            ],
          };
        },
      };
    },
    async close() {
      await actor.stop();
      await postgres.dropDatabase(database);
    },
  };
}
