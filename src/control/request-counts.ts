import type { RequestEvent } from '../connectors/port.js';
import type { Database } from '../database/postgres.js';

/**
 * Counts calls to outside systems, summed over all processes in control.request_counts, so that `/metrics` is
 * right whichever process is asked. Written every few seconds; a killed process loses at most the last ones.
 */
export function createRequestCounter(control: Database, everyMs = 2_000) {
  const pending = new Map<string, { connection: string; status: string; requests: number; waitMs: number }>();

  async function flush(): Promise<void> {
    const rows = [...pending.values()];
    pending.clear();
    for (const row of rows)
      await control.guard('counting requests', () =>
        control.knex.raw(
          `INSERT INTO control.request_counts AS c (connection, status, requests, wait_ms) VALUES (?, ?, ?, ?)
           ON CONFLICT (connection, status) DO UPDATE SET requests = c.requests + excluded.requests, wait_ms = c.wait_ms + excluded.wait_ms`,
          [row.connection, row.status, row.requests, Math.round(row.waitMs)],
        ),
      );
  }

  // A database that is away costs counts, never work.
  const timer = setInterval(() => void flush().catch(() => {}), everyMs);
  timer.unref();

  return {
    count(event: RequestEvent): void {
      const status = String(event.status);
      const key = `${event.connection} ${status}`;
      const row = pending.get(key) ?? { connection: event.connection, status, requests: 0, waitMs: 0 };
      row.requests += 1;
      row.waitMs += event.rateLimitWaitMs ?? 0;
      pending.set(key, row);
    },
    async close(): Promise<void> {
      clearInterval(timer);
      await flush().catch(() => {});
    },
  };
}
