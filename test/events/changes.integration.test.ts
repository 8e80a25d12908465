import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { query } from '../../src/database/postgres.js';
import { createLogger } from '../../src/observability/logger.js';
import { BatonError } from '../../src/protocol/errors.js';
import { type FollowDeps, followDatabases } from '../../src/workers/follow-changes.js';
import { createDatabase, type TestDatabase } from '../setup/database.js';
import { type Installation, startInstallation } from './installation.js';

const writers = 4;
const writes = 50_000;
const before = 5_000;
const approved = 50;
const slot = `baton_${Date.now()}`;

let baton: Installation;
let shop: TestDatabase;
let admin: pg.Client;

const settings = (url: string) => ({
  SHOP_PASSWORD: decodeURIComponent(new URL(url).password),
  BATON_CONNECTIONS__SHOP: JSON.stringify({
    type: 'postgres',
    url: url.replace(/:[^:@/]+@/, '@'),
    password: 'secret://env/SHOP_PASSWORD',
    slot,
  }),
  BATON_EVENTS__RULES: JSON.stringify([
    {
      name: 'approved',
      connection: 'shop',
      types: ['public.orders.update'],
      when: { 'after.status': 'approved' },
      do: 'fulfil',
      order: { id: 'after.id', amount: 'after.amount', currency: 'after.currency' },
    },
  ]),
});

beforeAll(async () => {
  shop = await createDatabase();
  admin = new pg.Client({ connectionString: shop.url });
  await admin.connect();
  await admin.query(`
    CREATE TABLE orders (id bigint PRIMARY KEY, version int NOT NULL, status text NOT NULL, amount numeric NOT NULL,
                         currency text NOT NULL DEFAULT 'USD', note jsonb, photo bytea, changed_at timestamptz DEFAULT now());
    CREATE TABLE notes (body text);
    CREATE TABLE audit (seq bigserial, id bigint, op text, version int, pid int DEFAULT pg_backend_pid());
    CREATE FUNCTION write_down() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO audit (id, op, version) VALUES (coalesce(NEW.id, OLD.id), lower(TG_OP), coalesce(NEW.version, OLD.version));
      RETURN NULL; END $$;
    CREATE PUBLICATION baton FOR TABLE orders, notes;`);
  await admin.query(
    `INSERT INTO orders (id, version, status, amount) SELECT n, 1, 'open', n * 1.10 FROM generate_series(1, ${before}) n`,
  );
  await admin.query(
    'CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION write_down()',
  );
  baton = await startInstallation(settings(shop.url));
}, 90_000);
afterAll(async () => {
  await baton?.stop();
  await admin?.query(
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
    [slot],
  );
  await admin?.end();
  await shop?.drop();
});

const follow = (log = createLogger('changes', 'silent'), inbox: FollowDeps['inbox'] = baton.changes.inbox) =>
  followDatabases(baton.config, { ...baton.changes, log, inbox });

/** The inbox of a control database that goes away now and then: before a commit, and after it. */
function flaky(): FollowDeps['inbox'] & { failures(): number } {
  let calls = 0;
  let failures = 0;
  const fail = (when: string) => {
    failures += 1;
    return new BatonError('ERR_CONTROL_UNAVAILABLE', { detail: `It went away ${when} the commit.` });
  };
  return {
    failures: () => failures,
    async acceptOnce(events) {
      calls += 1;
      if (calls % 7 === 0) throw fail('before');
      const stored = await baton.changes.inbox.acceptOnce(events);
      if (calls % 11 === 0) throw fail('after');
      return stored;
    },
  };
}

/** Inserts, changes and deletes of rows of its own, at random but always the same. */
async function write(writer: number, count: number, onProgress: () => void): Promise<void> {
  const client = new pg.Client({ connectionString: shop.url });
  await client.connect();
  let draw = writer * 7_919 + 1;
  const next = (below: number) => {
    draw = (draw * 48_271) % 2_147_483_647;
    return draw % below;
  };
  let inserted = 0;
  const alive: number[] = [];
  for (let id = 1; id <= before; id += 1) if (id % writers === writer) alive.push(id);
  for (let done = 0; done < count; ) {
    const size = 1 + next(40);
    const statements: string[] = [];
    for (let at = 0; at < size && done < count; at += 1, done += 1) {
      const kind = next(10);
      const place = next(alive.length);
      const id = alive[place] ?? 0;
      if (kind < 3) {
        inserted += 1;
        const fresh = before + inserted * writers + writer + 1;
        alive.push(fresh);
        statements.push(
          `INSERT INTO orders (id, version, status, amount) VALUES (${fresh}, 1, 'open', ${fresh}.25)`,
        );
      } else if (kind === 3 && alive.length > 100) {
        alive.splice(place, 1);
        statements.push(`DELETE FROM orders WHERE id = ${id}`);
      } else statements.push(`UPDATE orders SET version = version + 1 WHERE id = ${id}`);
    }
    // One in ten is rolled back: nothing of it is to be seen.
    const isUndone = next(10) === 0;
    if (isUndone)
      await client.query(`BEGIN; UPDATE orders SET status = 'never' WHERE id = ${alive[0]}; ROLLBACK`);
    await client.query(`BEGIN; ${statements.join('; ')}; COMMIT`);
    onProgress();
  }
  await client.end();
}

function by<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const group = groups.get(keyOf(one));
    if (group === undefined) groups.set(keyOf(one), [one]);
    else group.push(one);
  }
  return groups;
}

interface Seen {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly version: number | null;
}

describe('the changes of a database', () => {
  it(`are all there after a hand-over under ${writes} writes, in order, once; and what fits a rule starts a workflow`, async () => {
    const began = Date.now();
    let progress = 0;
    const writing = Promise.all(
      Array.from({ length: writers }, (_, writer) =>
        write(writer, writes / writers, () => {
          progress += 1;
        }),
      ),
    );
    await vi.waitFor(() => expect(progress).toBeGreaterThan(100), { timeout: 30_000 });
    // Begins in the middle of the writes, is ended and begun again, and loses its connection.
    let following = follow();
    await vi.waitFor(
      async () => expect((await baton.changes.replications.find('shop'))?.state).toBe('following'),
      { timeout: 120_000 },
    );
    const begunAt = progress;
    await sleep(500);
    await following.stop();
    const inbox = flaky();
    following = follow(undefined, inbox);
    await sleep(1_000);
    await admin.query(
      `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active`,
      [slot],
    );
    await writing;
    const wroteMs = Date.now() - began;
    await admin.query(
      `UPDATE orders SET status = 'approved', version = version + 1
       WHERE id IN (SELECT id FROM orders ORDER BY id LIMIT ${approved})`,
    );
    const { rows: truth } = await admin.query<{
      seq: string;
      id: string;
      op: string;
      version: number;
      pid: number;
    }>('SELECT seq, id, op, version, pid FROM audit ORDER BY seq');
    expect(truth).toHaveLength(writes + approved);
    const { rows: last } = await admin.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
    await vi.waitFor(
      async () => {
        const { rows } = await admin.query(
          'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND confirmed_flush_lsn >= $2::pg_lsn',
          [slot, last[0]?.lsn],
        );
        expect(rows).toHaveLength(1);
      },
      { timeout: 150_000, interval: 200 },
    );
    const tookMs = Date.now() - began;
    expect(inbox.failures()).toBeGreaterThan(1);

    const { rows: seen } = await query<Seen>(
      baton.database.knex,
      `SELECT id, type, subject, (convert_from(body, 'UTF8')::json #>> '{after,version}')::int AS version
       FROM control.inbox WHERE connection = 'shop' AND state <> 'duplicate' ORDER BY id`,
    );
    const events = by(seen, ({ subject }) => subject);
    const changes = by(truth, ({ id }) => id);
    let snapshots = 0;
    /** The changes of orders that have no event; and of each writer, the first change that was streamed. */
    const unseen: typeof truth = [];
    const streamedFrom = new Map<number, number>();
    for (const id of new Set([...events.keys(), ...changes.keys()])) {
      const [first, ...rest] = events.get(id) ?? [];
      const all = (changes.get(id) ?? []).map(({ op, version }) => `${op} ${op === 'delete' ? '' : version}`);
      const told = (some: readonly Seen[]) =>
        some.map(({ type, version }) => `${type.split('.').at(-1)} ${version ?? ''}`);
      if (first?.type === 'public.orders.snapshot') {
        snapshots += 1;
        const behind = all.findLastIndex((one) => one.endsWith(` ${first.version}`)) + 1;
        expect(told(rest), `order ${id}`).toEqual(all.slice(behind));
        for (const { pid, seq } of (changes.get(id) ?? []).slice(behind))
          streamedFrom.set(pid, Math.min(Number(seq), streamedFrom.get(pid) ?? Infinity));
      } else if (first === undefined) {
        expect(all.at(-1), `order ${id}`).toBe('delete ');
        unseen.push(...(changes.get(id) ?? []));
      } else expect(told([first, ...rest]), `order ${id}`).toEqual(all);
    }
    // An order without any event was gone before the snapshot: before all that its writer had followed from it.
    for (const { id, pid, seq } of unseen)
      expect(Number(seq), `order ${id}`).toBeLessThan(streamedFrom.get(pid) ?? Infinity);
    expect(snapshots).toBeGreaterThan(1_000);
    expect(begunAt).toBeGreaterThan(100);

    await vi.waitFor(
      async () => {
        const done = await baton.deps.fulfilments.list({ state: 'fulfilled', limit: 100 });
        expect(done).toHaveLength(approved);
      },
      { timeout: 120_000, interval: 250 },
    );
    await vi.waitFor(
      async () => {
        const { rows } = await query<{ n: string }>(
          baton.warehouseDatabase.knex,
          'SELECT count(*) AS n FROM raw.shop_events',
        );
        expect(Number(rows[0]?.n)).toBe(seen.length);
      },
      { timeout: 120_000, interval: 500 },
    );
    console.log(
      `changes: ${writes} writes in ${wroteMs} ms, followed from transaction ${begunAt} on; ${snapshots} rows of the snapshot and ${seen.length - snapshots} changes stored after ${tookMs} ms, landed and loaded after ${Date.now() - began} ms`,
    );
    await following.stop();
  }, 600_000);

  it('keep what was written: numbers, times, JSON, bytes, what was not sent, and tables without a key', async () => {
    const following = follow();
    await admin.query(
      `INSERT INTO orders VALUES (9007199254740993, 1, 'größer "als"', 12345678901234567890.10, 'EUR',
         '{"a": [1e2, null], "b": "ß"}', '\\x00ff', '2026-11-20 10:15:30.123456+01')`,
    );
    await admin.query(`ALTER TABLE orders ALTER note SET STORAGE EXTERNAL`);
    await admin.query(
      `UPDATE orders SET note = jsonb_build_object('long', repeat('x', 10000)) WHERE id = 9007199254740993`,
    );
    await admin.query(`UPDATE orders SET status = 'x' WHERE id = 9007199254740993`);
    await admin.query(`INSERT INTO notes VALUES (NULL), ('a')`);
    await admin.query('TRUNCATE notes');
    await admin.query(`DELETE FROM orders WHERE id = 9007199254740993`);
    const bodies = await vi.waitFor(
      async () => {
        const { rows } = await query<{ type: string; subject: string | null; body: string }>(
          baton.database.knex,
          `SELECT type, subject, convert_from(body, 'UTF8') AS body FROM control.inbox
           WHERE connection = 'shop' AND (subject = '9007199254740993' OR type LIKE '%notes%') ORDER BY id`,
        );
        expect(rows.at(-1)?.type).toBe('public.orders.delete');
        return rows;
      },
      { timeout: 20_000, interval: 100 },
    );
    const [inserted, long, short, empty, text, truncated, gone] = bodies.map(({ body }) => JSON.parse(body));
    expect(inserted.after).toEqual({
      id: '9007199254740993',
      version: 1,
      status: 'größer "als"',
      amount: '12345678901234567890.10',
      currency: 'EUR',
      note: { a: [100, null], b: 'ß' },
      photo: '\\x00ff',
      changed_at: '2026-11-20 09:15:30.123456+00',
    });
    expect(long.after.note.long).toHaveLength(10_000);
    expect([short.after.note, short.unchanged, short.after.status]).toEqual([undefined, ['note'], 'x']);
    expect([empty.after, text.after, truncated.op, truncated.after]).toEqual([
      { body: null },
      { body: 'a' },
      'truncate',
      null,
    ]);
    expect(gone).toMatchObject({
      op: 'delete',
      key: { id: '9007199254740993' },
      before: { id: '9007199254740993' },
      after: null,
    });
    expect(bodies[3]?.subject).toBeNull();
    await following.stop();
  }, 60_000);

  it('are left at once, whatever is under way', async () => {
    for (let ms = 0; ms < 200; ms += 20) {
      const following = follow();
      await sleep(ms);
      const beganAt = Date.now();
      await following.stop();
      expect(Date.now() - beganAt).toBeLessThan(5_000);
    }
  }, 90_000);

  it('say what the database lacks, and begin anew when a person says so', async () => {
    await admin.query('DROP PUBLICATION baton');
    const log: { code?: string; fix?: string }[] = [];
    const logger = Object.assign(createLogger('changes', 'silent'), {
      error: (entry: object) => log.push(entry),
    });
    let following = follow(logger);
    await vi.waitFor(() => expect(log).toHaveLength(1), { timeout: 10_000 });
    expect(log[0]).toMatchObject({
      code: 'BTN-6011',
      fix: expect.stringContaining('CREATE PUBLICATION baton FOR TABLE'),
    });
    expect((await baton.changes.replications.find('shop'))?.last_error).toContain(
      'there is no publication baton',
    );
    await following.stop();
    await admin.query('CREATE PUBLICATION baton FOR TABLE notes');
    await admin.query(`INSERT INTO notes VALUES ('after all')`);
    following = follow();
    await baton.changes.replications.restart('shop');
    const { rows } = await vi.waitFor(
      async () => {
        const found = await query<{ type: string; body: string }>(
          baton.database.knex,
          `SELECT type, convert_from(body, 'UTF8') AS body FROM control.inbox WHERE type = 'public.notes.snapshot'`,
        );
        expect(found.rows).toHaveLength(1);
        return found;
      },
      { timeout: 30_000, interval: 200 },
    );
    expect(JSON.parse(rows[0]?.body ?? '{}').after).toEqual({ body: 'after all' });
    await vi.waitFor(
      async () =>
        expect(Number((await baton.changes.replications.find('shop'))?.lag_bytes)).toBeGreaterThanOrEqual(0),
      { timeout: 20_000 },
    );
    await following.stop();
  }, 90_000);
});
