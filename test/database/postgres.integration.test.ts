import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, isConnectionLost, only, openDatabase, query } from '../../src/database/postgres.js';
import { Secret } from '../../src/domain/secret.js';
import type { BatonError } from '../../src/protocol/errors.js';
import { createDatabase, type TestDatabase } from '../setup/database.js';
import { eventually } from '../setup/namespace.js';

const unavailable = 'ERR_WAREHOUSE_UNAVAILABLE' as const;

function open(url: string, poolMax = 2): Database {
  return openDatabase({ url: new Secret(url), poolMax, applicationName: 'test', unavailable });
}

describe('a database', () => {
  let place: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    place = await createDatabase();
    database = open(place.url);
  });
  afterAll(async () => {
    await database?.close();
    await place?.drop();
  });

  const failed = (work: Promise<unknown>) =>
    work.then(
      () => null,
      (error: BatonError) => error,
    );

  it('takes bindings by name beside casts, in any order and repeated; values are never SQL', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string().filter((text) => !text.includes('\0')),
        fc.integer({ min: -1_000_000, max: 1_000_000 }),
        async (text, number) => {
          const { rows } = await query(
            database.knex,
            `SELECT :text::text AS a, :number::int AS b, :text::text || '' AS c, '12:30'::time::text AS d`,
            { number, text },
          );
          expect(rows).toEqual([{ a: text, b: number, c: text, d: '12:30:00' }]);
        },
      ),
      { numRuns: 50 },
    );
    await expect(query(database.knex, 'SELECT :nothing')).rejects.toThrow(':nothing, which is not bound');
  });

  it('speaks UTC and ISO whatever the server or machine prefer', async () => {
    const { rows } = await query<{ at: string; zone: string }>(
      database.knex,
      "SELECT timestamptz '2026-03-29 01:30:00+00'::text AS at, current_setting('TimeZone') AS zone",
    );
    expect(rows).toEqual([{ at: '2026-03-29 01:30:00+00', zone: 'UTC' }]);
  });

  it('only() insists on one row', () => {
    expect(only([7])).toBe(7);
    expect(() => only([])).toThrow('0 rows');
    expect(() => only([1, 2])).toThrow('2 rows');
  });

  it('tells a refused statement from a lost server, in one sentence without values', async () => {
    const refused = await failed(
      database.guard('counting', () =>
        query(database.knex, 'SELECT nonsense FROM nowhere WHERE 1 = :secret', { secret: 4711 }),
      ),
    );
    expect(refused).toMatchObject({ error: 'ERR_WAREHOUSE_REFUSED', retryable: false });
    expect(refused?.message).toBe('counting: relation "nowhere" does not exist.');

    const lost = await failed(
      database.guard('waiting', () => query(database.knex, 'SELECT pg_terminate_backend(pg_backend_pid())')),
    );
    expect(lost).toMatchObject({ error: unavailable, retryable: true });
    expect(lost?.message).toMatch(/^waiting: /);
    // The pool may hand out the dead connection once more; then it has a new one.
    await eventually(() => database.guard('again', () => query(database.knex, 'SELECT 1')), 5_000);

    const deadlock = await failed(
      database.guard('racing', () =>
        query(database.knex, "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$"),
      ),
    );
    expect(deadlock).toMatchObject({ error: unavailable, retryable: true });
  });

  it('that is not there is unavailable, and its address is not repeated', async () => {
    const away = open('postgres://u:canary-9f8e7d6c@127.0.0.1:1/none');
    const error = await failed(away.guard('reading', () => query(away.knex, 'SELECT 1')));
    await away.close();
    expect(error).toMatchObject({ error: unavailable, retryable: true });
    expect(error?.message).toMatch(/^reading: .*ECONNREFUSED/);
    expect(error?.message).not.toContain('canary');
  });

  it('passes on an error of ours as it is', async () => {
    const ours = await failed(database.guard('inner', () => query(database.knex, 'SELECT bad')));
    const error = await failed(database.guard('outer', () => Promise.reject(ours)));
    expect(error).toBe(ours);
  });

  it('knows a lost connection by class and code', () => {
    for (const code of ['08006', '57P01', '53300', '58030', '40001', 'ECONNRESET', 'ETIMEDOUT'])
      expect([code, isConnectionLost({ code })]).toEqual([code, true]);
    for (const code of ['23505', '42P01', '22P02', '42501', 'ENOENT'])
      expect([code, isConnectionLost({ code })]).toEqual([code, false]);
    expect(isConnectionLost(new Error('Connection terminated unexpectedly'))).toBe(true);
    expect(isConnectionLost(new Error('syntax error'))).toBe(false);
  });
});
