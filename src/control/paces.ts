import { type Database, only, query } from '../database/postgres.js';

/** The most records that one call to the stream has brought so far; null when it was never read. */
export function recordsPerCall(
  control: Database,
  of: { readonly connection: string; readonly stream: string; readonly tenant: string },
): Promise<number | null> {
  return control.guard('reading how streams were read', async () => {
    const { rows } = await query<{ records: number | null }>(
      control.knex,
      `SELECT max(records::float8 / greatest(calls, 1)) AS records FROM control.batches
       WHERE connection = :connection AND stream = :stream AND tenant = :tenant AND state = 'landed' AND records > 0`,
      { ...of },
    );
    return only(rows).records;
  });
}

/** The median of what the pipeline's runs of late have taken, in milliseconds; null when none has succeeded. */
export function typicalRunMs(control: Database, pipeline: string, tenant: string): Promise<number | null> {
  return control.guard('reading how long runs take', async () => {
    const { rows } = await query<{ ms: number | null }>(
      control.knex,
      `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - started_at) * 1000) AS ms
       FROM (SELECT started_at, ended_at FROM control.runs WHERE pipeline = :pipeline AND tenant = :tenant
             AND state = 'succeeded' ORDER BY created_at DESC LIMIT 50) AS late`,
      { pipeline, tenant },
    );
    return only(rows).ms;
  });
}
