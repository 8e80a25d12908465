import knexFactory, { type Knex } from 'knex';
import type { Secret } from '../domain/secret.js';
import { BatonError, type ErrorName } from '../protocol/errors.js';
import { abortable } from './abortable.js';

export interface DatabaseOptions {
  /** Full connection string, password included. */
  readonly url: Secret;
  readonly poolMax: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** What a lost connection is called: the control database's error or the warehouse's. */
  readonly unavailable: Extract<ErrorName, 'ERR_CONTROL_UNAVAILABLE' | 'ERR_WAREHOUSE_UNAVAILABLE'>;
}

/** One pool of PostgreSQL connections, and how its failures are told. */
export interface Database {
  readonly knex: Knex;
  /** Runs `work`, turning what the driver throws into a BatonError that names `what`. */
  guard<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** The same database, whose statements are cancelled and rolled back when the signal aborts; not to be closed. */
  during(signal: AbortSignal): Database;
  close(): Promise<void>;
}

/** A transaction under way, for who stores something in somebody else's. */
export type Transaction = Knex.Transaction;

export type Binding = string | number | boolean | Date | null;

/**
 * Runs a statement with bindings by name, `:tenant`. Casts (`:limit::int`) are fine; knex's own named bindings
 * would take that for an identifier. An unknown name throws.
 */
export async function query<R = Record<string, unknown>>(
  db: Knex,
  sql: string,
  bindings: Readonly<Record<string, Binding>> = {},
): Promise<{ rows: R[]; rowCount: number }> {
  const values: Binding[] = [];
  const positional = sql.replace(/(?<![:\w]):([A-Za-z]\w*)/g, (_, name: string) => {
    const value = bindings[name];
    if (value === undefined)
      throw new BatonError('ERR_INTERNAL', { detail: `SQL names :${name}, which is not bound.` });
    values.push(value);
    return '?';
  });
  return db.raw(positional, values as never[]);
}

/** The row of a statement that always answers exactly one. */
export function only<R>(rows: readonly R[]): R {
  const [row] = rows;
  if (row === undefined || rows.length > 1)
    throw new BatonError('ERR_INTERNAL', {
      detail: `A statement answered ${rows.length} rows instead of one.`,
    });
  return row;
}

/** SQLSTATE classes that mean the server or the way to it failed, not the statement. */
const lostClasses = new Set(['08', '53', '57', '58']);
/** … and single codes: serialisation, deadlock, lock timeout, a session that was ended while idle, a demoted primary. */
const lostCodes = new Set(['40001', '40P01', '55P03', 'XX000', '25P03', '25P02', '25006']);
const socketCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
]);

export function openDatabase(options: DatabaseOptions): Database {
  const knex = knexFactory({
    client: 'pg',
    connection: () => ({
      connectionString: options.url.reveal(),
      application_name: `${options.applicationName} ${process.pid}`,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      // Without this the first probe comes after the system's two hours.
      keepAliveInitialDelayMillis: 10_000,
      // A worker that is frozen inside a transaction must not hold its locks for ever.
      options: '-c TimeZone=UTC -c DateStyle=ISO -c idle_in_transaction_session_timeout=20000',
    }),
    pool: { min: 0, max: options.poolMax, idleTimeoutMillis: 30_000, acquireTimeoutMillis: 30_000 },
    asyncStackTraces: false,
    log: { warn() {}, error() {}, deprecate() {}, debug() {} },
  });
  return view(knex, options.unavailable);
}

function view(knex: Knex, unavailable: DatabaseOptions['unavailable']): Database {
  return {
    knex,
    close: () => knex.destroy(),
    during: (signal) => view(abortable(knex, signal), unavailable),
    async guard(what, work) {
      try {
        return await work();
      } catch (error) {
        throw error instanceof BatonError ? error : fromDriver(error, what, unavailable);
      }
    },
  };
}

/** Whether a driver error says that the server, not the statement, is at fault. */
export function isConnectionLost(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (typeof code === 'string' && code.length === 5 && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('E'))
    return lostClasses.has(code.slice(0, 2)) || lostCodes.has(code);
  if (typeof code === 'string' && socketCodes.has(code)) return true;
  return (
    typeof message === 'string' &&
    /Connection terminated|connection timeout|Timeout acquiring a connection|Client has encountered a connection error|not queryable|Connection ended|ECONN|EPIPE/i.test(
      message,
    )
  );
}

function fromDriver(error: unknown, what: string, unavailable: DatabaseOptions['unavailable']): BatonError {
  const message = error instanceof Error ? (error.message.split('\n').at(-1) ?? '') : String(error);
  // knex prefixes the statement with " - " before the server's own words; values never belong in a message.
  const words = message
    .slice(message.lastIndexOf(' - ') + 1)
    .replace(/^- /, '')
    .slice(0, 300);
  if (isConnectionLost(error)) {
    const aggregate = (error as { errors?: unknown[] }).errors?.[0];
    const reason = words || (aggregate instanceof Error ? aggregate.message : 'connection lost');
    return new BatonError(unavailable, { detail: `${what}: ${reason}.`, cause: error });
  }
  const refused = unavailable === 'ERR_CONTROL_UNAVAILABLE' ? 'ERR_CONTROL_REFUSED' : 'ERR_WAREHOUSE_REFUSED';
  return new BatonError(refused, { detail: `${what}: ${words}.`, cause: error });
}
