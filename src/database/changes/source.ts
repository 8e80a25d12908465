import pg from 'pg';
import type { Secret } from '../../domain/secret.js';
import { BatonError } from '../../protocol/errors.js';
import { type Change, changeOf } from './change.js';
import type { CellText } from './row-json.js';

/** A database whose changes are followed. */
export interface ChangeSource {
  /** With its password. */
  readonly url: Secret;
  readonly publication: string;
  readonly slot: string;
}

/** How the slot stands at the database. */
export interface SlotView {
  /** Everything before it was stored by us. */
  readonly confirmedLsn: string;
  readonly isActive: boolean;
  /** `reserved`, `extended`, `unreserved`, `lost`. */
  readonly walStatus: string;
  /** What is written and not yet stored by us. */
  readonly lagBytes: number;
}

const rowsAtOnce = 1_000;

/** Values as PostgreSQL writes them. */
const asText = { getTypeParser: () => (text: string) => text };

/** Connects; throws ERR_CHANGES_UNAVAILABLE, without the address's password. */
async function connect(source: ChangeSource, more: Record<string, unknown> = {}): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: source.url.reveal(),
    application_name: 'baton-changes',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    ...more,
  });
  client.on('error', () => {}); // told by the statement that fails
  await guard('connecting to the database', () => client.connect());
  return client;
}

async function using<T>(source: ChangeSource, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect(source);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/** What has to be there before anything can be followed. Throws ERR_CHANGES_UNPREPARED with the statement that mends it. */
export async function checkSource(source: ChangeSource): Promise<{ readonly tables: readonly string[] }> {
  return using(source, async (client) => {
    const [settings] = await rows<{ wal_level: string; may: boolean }>(
      client,
      `SELECT current_setting('wal_level') AS wal_level,
              (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user) AS may`,
    );
    if (settings?.wal_level !== 'logical')
      throw unprepared(
        `wal_level is ${settings?.wal_level}, and must be logical`,
        "ALTER SYSTEM SET wal_level = 'logical'; then restart the database.",
      );
    if (!settings.may)
      throw unprepared('the account may not replicate', 'ALTER ROLE <account> REPLICATION; as a superuser.');
    const found = await rows<{ name: string }>(
      client,
      'SELECT pubname AS name FROM pg_publication WHERE pubname = $1',
      [source.publication],
    );
    if (found.length === 0)
      throw unprepared(
        `there is no publication ${source.publication}`,
        `CREATE PUBLICATION ${source.publication} FOR TABLE <table>, <table>;`,
      );
    const tables = await rows<{ name: string }>(
      client,
      `SELECT schemaname || '.' || tablename AS name FROM pg_publication_tables WHERE pubname = $1 ORDER BY 1`,
      [source.publication],
    );
    return { tables: tables.map(({ name }) => name) };
  });
}

/** Null when there is no such slot. */
export async function slotOf(source: ChangeSource): Promise<SlotView | null> {
  return using(source, async (client) => {
    const [slot] = await rows<{ lsn: string; active: boolean; status: string; lag: string }>(
      client,
      `SELECT confirmed_flush_lsn::text AS lsn, active, coalesce(wal_status, 'reserved') AS status,
              pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::text AS lag
       FROM pg_replication_slots WHERE slot_name = $1`,
      [source.slot],
    );
    if (slot === undefined) return null;
    const { lsn, active: isActive, status: walStatus, lag } = slot;
    return { confirmedLsn: lsn, isActive, walStatus, lagBytes: Math.max(0, Number(lag)) };
  });
}

export async function dropSlot(source: ChangeSource): Promise<void> {
  await using(source, (client) =>
    rows(
      client,
      'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
      [source.slot],
    ),
  );
}

/**
 * Creates the slot, and hands over what is in the tables at the very moment from which on the slot has all changes:
 * nothing is between the two, and nothing in both. `take` gets the rows by and by.
 */
export async function createSlot(
  source: ChangeSource,
  options: { readonly snapshot: boolean; readonly signal: AbortSignal },
  take: (changes: readonly Change[]) => Promise<void>,
): Promise<{ readonly rows: number }> {
  const replication = await connect(source, { replication: 'database' });
  // It waits for every transaction that is under way there.
  const leave = () => void replication.end().catch(() => {});
  options.signal.addEventListener('abort', leave, { once: true });
  try {
    // https://www.postgresql.org/docs/current/protocol-replication.html: the snapshot lasts until this connection's next command.
    const [made] = await rows<{ consistent_point: string; snapshot_name: string }>(
      replication,
      `CREATE_REPLICATION_SLOT "${source.slot}" LOGICAL pgoutput (SNAPSHOT '${options.snapshot ? 'export' : 'nothing'}')`,
    );
    if (!options.snapshot || made === undefined) return { rows: 0 };
    return await using(source, (client) =>
      readTables(
        source,
        client,
        { lsn: made.consistent_point, snapshot: made.snapshot_name },
        options.signal,
        take,
      ),
    );
  } finally {
    options.signal.removeEventListener('abort', leave);
    await replication.end().catch(() => {});
  }
}

async function readTables(
  source: ChangeSource,
  client: pg.Client,
  at: { readonly lsn: string; readonly snapshot: string },
  signal: AbortSignal,
  take: (changes: readonly Change[]) => Promise<void>,
): Promise<{ rows: number }> {
  await rows(client, 'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
  await rows(client, `SET TRANSACTION SNAPSHOT '${at.snapshot}'`);
  const [clock] = await rows<{ now: Date }>(client, 'SELECT now() AS now');
  const committedAt = clock?.now ?? new Date();
  let count = 0;
  for (const { table, sql, key } of await tablesOf(client, source.publication)) {
    await rows(client, `DECLARE baton NO SCROLL CURSOR FOR SELECT * FROM ${sql}`);
    for (;;) {
      signal.throwIfAborted();
      const page = await guard(`reading ${table}`, () =>
        client.query({ text: `FETCH ${rowsAtOnce} FROM baton`, rowMode: 'array', types: asText }),
      );
      if (page.rows.length === 0) break;
      await take(
        page.rows.map((values: (string | null)[], index) => {
          const cells = page.fields.map(({ name, dataTypeID }, column): CellText => {
            return { name, typeOid: dataTypeID, text: values[column] ?? null };
          });
          return changeOf({
            table,
            operation: 'snapshot',
            lsn: at.lsn,
            ordinal: index,
            xid: null,
            committedAt,
            key: cells.filter(({ name }) => key.includes(name)),
            before: null,
            after: cells,
          });
        }),
      );
      count += page.rows.length;
    }
    await rows(client, 'CLOSE baton');
  }
  await rows(client, 'COMMIT');
  return { rows: count };
}

interface SourceTable {
  readonly table: string;
  /** Quoted. */
  readonly sql: string;
  /** Names of its primary key's columns; none where it has none. */
  readonly key: readonly string[];
}

/** The tables of the publication, and their keys. */
async function tablesOf(client: pg.Client, publication: string): Promise<SourceTable[]> {
  return rows<SourceTable>(
    client,
    `SELECT p.schemaname || '.' || p.tablename AS table, format('%I.%I', p.schemaname, p.tablename) AS sql,
            coalesce((SELECT json_agg(a.attname ORDER BY k.place) FROM pg_index i
              CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
              JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
              WHERE i.indisprimary AND i.indrelid = c.oid), '[]'::json) AS key
     FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname
     JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
     WHERE p.pubname = $1 ORDER BY 1`,
    [publication],
  );
}

/** The primary keys of the publication's tables, by table: what a row is known by where it is sent whole. */
export function keysOf(source: ChangeSource): Promise<ReadonlyMap<string, readonly string[]>> {
  return using(source, async (client) => {
    const tables = await tablesOf(client, source.publication);
    return new Map(tables.map(({ table, key }) => [table, key]));
  });
}

async function rows<R extends object>(
  client: pg.Client,
  text: string,
  values?: readonly unknown[],
): Promise<R[]> {
  const result = await guard('reading the database', () =>
    values === undefined ? client.query(text) : client.query(text, [...values]),
  );
  return result.rows as R[];
}

async function guard<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw toChangesError(what, cause);
  }
}

/** In our words; the database's own message is kept, which holds no value and no password. */
export function toChangesError(what: string, cause: unknown): BatonError {
  if (cause instanceof BatonError) return cause;
  const { code = '', message = '' } = cause as { code?: string; message?: string };
  // https://www.postgresql.org/docs/current/errcodes-appendix.html
  if (code === '28P01' || code === '28000' || code === '42501' || code === '3D000')
    return unprepared(
      `${what} was refused: ${message}`,
      'Check url and password of the connection, and what its account may do.',
    );
  return new BatonError('ERR_CHANGES_UNAVAILABLE', {
    detail: `${what} failed: ${message.slice(0, 200) || code}.`,
    cause,
  });
}

export function unprepared(what: string, fix: string): BatonError {
  return new BatonError('ERR_CHANGES_UNPREPARED', { detail: `Changes cannot be followed: ${what}.`, fix });
}
