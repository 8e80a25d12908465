import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/database/postgres.js';
import { Secret } from '../../src/domain/secret.js';
import { createDatabase, type TestDatabase } from '../setup/database.js';

describe('a database during a signal', () => {
  let place: TestDatabase;
  /** One connection: whatever is left of a cancellation meets the next statement. */
  let database: Database;
  let other: Database;
  beforeAll(async () => {
    place = await createDatabase();
    const options = { url: new Secret(place.url), applicationName: 'test' };
    database = openDatabase({ ...options, poolMax: 1, unavailable: 'ERR_WAREHOUSE_UNAVAILABLE' });
    other = openDatabase({ ...options, poolMax: 2, unavailable: 'ERR_WAREHOUSE_UNAVAILABLE' });
    await other.knex.raw('CREATE TABLE things (id int PRIMARY KEY)');
  });
  afterAll(async () => {
    await database?.close();
    await other?.close();
    await place?.drop();
  });

  const things = async () => (await other.knex('things').pluck('id')) as number[];

  async function abortedIn(afterMs: number, work: (during: Database) => Promise<unknown>): Promise<number> {
    const controller = new AbortController();
    let abortedAt = 0;
    const timer = setTimeout(() => {
      abortedAt = performance.now();
      controller.abort();
    }, afterMs);
    try {
      await expect(work(database.during(controller.signal))).rejects.toThrow();
    } finally {
      clearTimeout(timer);
    }
    expect(abortedAt).toBeGreaterThan(0);
    return performance.now() - abortedAt;
  }

  it('gives up waiting for a lock that another holds, and rolls back', async () => {
    await other.knex.transaction(async (holder) => {
      await holder.raw('INSERT INTO things VALUES (1)');
      const tookMs = await abortedIn(300, (during) =>
        during.guard('waiting', () =>
          during.knex.transaction(async (trx) => {
            await trx.raw('INSERT INTO things VALUES (2)');
            await trx.raw('INSERT INTO things VALUES (1)');
          }),
        ),
      );
      expect(tookMs).toBeLessThan(2_000);
    });
    expect(await things()).toEqual([1]);
    await expect(database.knex.raw('SELECT 1')).resolves.toMatchObject({ rowCount: 1 });
  });

  it('cancels a statement of a minute, alone or in a transaction within one', async () => {
    const slow = 'SELECT pg_sleep(60)';
    expect(await abortedIn(200, (during) => during.knex.raw(slow))).toBeLessThan(2_000);
    const nested = (during: Database) =>
      during.knex.transaction((trx) => trx.transaction((inner) => inner.raw(slow)));
    expect(await abortedIn(200, nested)).toBeLessThan(2_000);
  });

  it('cancels the next statement when the signal comes between two', async () => {
    const tookMs = await abortedIn(100, (during) =>
      during.knex.transaction(async (trx) => {
        await trx.raw('INSERT INTO things VALUES (3)');
        await sleep(400);
        await trx.raw('SELECT pg_sleep(60)');
      }),
    );
    expect(tookMs).toBeLessThan(3_000);
    expect(await things()).toEqual([1]);
  });

  it('begins nothing when the signal has come already', async () => {
    const during = database.during(AbortSignal.abort());
    await expect(during.knex.raw('INSERT INTO things VALUES (4)')).rejects.toThrow();
    await expect(during.knex.transaction((trx) => trx.raw('SELECT 1'))).rejects.toThrow();
    expect(await things()).toEqual([1]);
  });

  it('never cancels what comes after it on the same connection', async () => {
    for (let round = 0; round < 40; round += 1) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), Math.random() * 12);
      await database
        .during(controller.signal)
        .knex.raw('SELECT pg_sleep(0.006)')
        .catch(() => {});
      await database.knex.raw('SELECT pg_sleep(0.005)');
      await database.knex.transaction((trx) => trx.raw('SELECT pg_sleep(0.005)'));
    }
  }, 30_000);

  it('changes nothing for who has no signal, and for a signal that does not come', async () => {
    const { signal } = new AbortController();
    await database.during(signal).knex.transaction((trx) => trx.raw('INSERT INTO things VALUES (9)'));
    expect(await things()).toEqual([1, 9]);
  });
});
