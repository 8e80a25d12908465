import type { Knex } from 'knex';
import type { Database } from './postgres.js';

/**
 * Reads within a time: one read-only transaction whose statements the server stops after `timeoutMs` each. For
 * observers, who must never hold up what they observe.
 */
export function readBounded<T>(
  database: Database,
  what: string,
  timeoutMs: number,
  read: (trx: Knex) => Promise<T>,
): Promise<T> {
  return database.guard(what, () =>
    database.knex.transaction(
      async (trx) => {
        await trx.raw(`SET LOCAL statement_timeout = ${Math.trunc(timeoutMs)}`);
        return read(trx);
      },
      { readOnly: true },
    ),
  );
}
