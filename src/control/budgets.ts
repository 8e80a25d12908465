import type { Outage, QuotaReading } from '../connectors/gate.js';
import { type Database, query } from '../database/postgres.js';
import type { BreakerSettings, BreakerState } from '../domain/breaker.js';
import { paceOf, type Rate } from '../domain/rate.js';

/** Live work comes before repair, and that before backfill, which never waits ahead of anyone. */
export const requestClasses = ['live', 'repair', 'backfill'] as const;
export type RequestClass = (typeof requestClasses)[number];

/** Whose budget: a connection as it is used for one tenant, or for all (`*`). */
export interface BudgetKey {
  readonly connection: string;
  readonly tenant: string;
}

/** What `control.acquire` answers; times in milliseconds from the moment at which it was answered. */
export interface Granted {
  /** Places: the first at `first_ms`, each further one `interval_ms` later, each good for `grace_ms`. 0 = none. */
  readonly granted: number;
  readonly first_ms: number;
  readonly interval_ms: number;
  readonly grace_ms: number;
  /** With none granted: when to ask again, and why. */
  readonly wait_ms: number;
  readonly reason: 'budget' | 'reserve' | 'breaker' | null;
  /** The one request is the breaker's probe, of this epoch. */
  readonly probe: number | null;
  readonly state: BreakerState;
}

export interface BudgetReport {
  readonly ok: number;
  readonly failed: number;
  /** How many of the last ones, in a row, failed. */
  readonly trailing: number;
  readonly probe: number | null;
  readonly error: string | null;
  readonly reading: QuotaReading | null;
}

/** A connection's row, as it is shown. */
export interface BudgetView extends BudgetKey {
  readonly quota: string;
  readonly rate: Rate | null;
  readonly state: BreakerState;
  readonly outage: number;
  readonly failures: number;
  readonly opened_at: Date | null;
  /** Until the next probe; 0 when one may be made. */
  readonly probe_in_ms: number;
  /** Until the next free place. */
  readonly backlog_ms: number;
  readonly remaining: number | null;
  readonly quota_size: number | null;
  readonly last_error: string | null;
}

export type BudgetStore = ReturnType<typeof createBudgetStore>;

const viewSql = `
  SELECT connection, tenant, quota, rate, state, outage::int AS outage, failures,
         to_timestamp(opened_ms / 1000) AS opened_at,
         CASE WHEN state = 'closed' THEN 0 ELSE greatest(0, probe_ms - control.budget_clock()) END AS probe_in_ms,
         greatest(0, tat_ms - burst_ms - control.budget_clock()) AS backlog_ms,
         CASE WHEN resets_ms > control.budget_clock() THEN remaining END AS remaining, quota_size, last_error
  FROM control.budgets`;

/** The rows that all workers share: see the migration for what each function promises. */
export function createBudgetStore(control: Database) {
  const { knex } = control;
  return {
    /** Makes the row, or brings its limits up to date. The last one who declares is right. */
    declare(key: BudgetKey, quota: string, rate: Rate | null, breaker: BreakerSettings): Promise<void> {
      return control.guard('declaring a request budget', async () => {
        const pace = rate === null ? { intervalMs: 0, burstMs: 0, graceMs: 0 } : paceOf(rate);
        await query(
          knex,
          `INSERT INTO control.budgets AS b (connection, tenant, quota, rate, interval_ms, burst_ms, grace_ms, breaker)
           VALUES (:connection, :tenant, :quota, :rate::jsonb, :intervalMs, :burstMs, :graceMs, :breaker::jsonb)
           ON CONFLICT (connection, tenant, quota) DO UPDATE SET rate = excluded.rate, breaker = excluded.breaker,
             interval_ms = excluded.interval_ms, burst_ms = excluded.burst_ms, grace_ms = excluded.grace_ms
           WHERE b.rate IS DISTINCT FROM excluded.rate OR b.breaker IS DISTINCT FROM excluded.breaker
              OR b.interval_ms IS DISTINCT FROM excluded.interval_ms`,
          {
            connection: key.connection,
            tenant: key.tenant,
            quota,
            rate: rate === null ? null : JSON.stringify(rate),
            breaker: JSON.stringify(breaker),
            ...pace,
          },
        );
      });
    },

    /** Asks for up to `wanted` places; null when the row was never declared. */
    acquire(
      key: BudgetKey,
      quota: string,
      requestClass: RequestClass,
      wanted: number,
    ): Promise<Granted | null> {
      return control.guard('asking for the request budget', async () => {
        const { rows } = await query<Granted>(
          knex,
          `SELECT granted, first_ms, interval_ms, grace_ms, wait_ms, reason, probe::float8 AS probe, state
           FROM control.acquire(:connection, :tenant, :requestClass, :wanted::int, :quota)`,
          { connection: key.connection, tenant: key.tenant, requestClass, wanted, quota },
        );
        return rows[0] ?? null;
      });
    },

    report(key: BudgetKey, { reading, ...told }: BudgetReport): Promise<void> {
      return control.guard('reporting to the breaker', async () => {
        await query(
          knex,
          `SELECT control.report(:connection, :tenant, :ok::int, :failed::int, :trailing::int, :probe::bigint, :error,
                                 :size::float8, :remaining::float8, :resetsInMs::float8)`,
          {
            connection: key.connection,
            tenant: key.tenant,
            ...told,
            size: reading?.size ?? null,
            remaining: reading?.remaining ?? null,
            resetsInMs: reading?.resetsInMs ?? null,
          },
        );
      });
    },

    /** Nobody asks the vendor before so many milliseconds are over. */
    hold(key: BudgetKey, quota: string, forMs: number): Promise<void> {
      return control.guard('holding requests back', async () => {
        await query(knex, 'SELECT control.hold(:connection, :tenant, :quota, :forMs::float8)', {
          connection: key.connection,
          tenant: key.tenant,
          quota,
          forMs,
        });
      });
    },

    /** The outage that holds requests back now; null when the next one may go, if only as a probe. */
    outage(key: BudgetKey): Promise<Outage | null> {
      return control.guard('reading the breaker', async () => {
        const { rows } = await query<BudgetView>(
          knex,
          `${viewSql} WHERE connection = :connection AND tenant = :tenant AND quota = ''`,
          { connection: key.connection, tenant: key.tenant },
        );
        return outageOf(rows[0]);
      });
    },

    /** In whose name an outage is told: the first one's, for all who come after it. Null when it is over. */
    claimAlert(
      connection: string,
      outage: number,
      run: { readonly runId: string; readonly tenant: string },
    ): Promise<{ readonly runId: string; readonly tenant: string } | null> {
      return control.guard('claiming the alert of an outage', async () => {
        const { rows } = await query<{ alerted: { runId: string; tenant: string } }>(
          knex,
          `UPDATE control.budgets SET alerted = CASE WHEN (alerted->>'outage')::bigint = outage THEN alerted
             ELSE jsonb_build_object('outage', outage, 'runId', :runId::text, 'tenant', :tenant::text) END
           WHERE connection = :connection AND quota = '' AND outage = :outage::bigint AND state <> 'closed'
           RETURNING alerted`,
          { connection, outage, runId: run.runId, tenant: run.tenant },
        );
        const [row] = rows;
        return row === undefined ? null : { runId: row.alerted.runId, tenant: row.alerted.tenant };
      });
    },

    all(): Promise<readonly BudgetView[]> {
      return control.guard('reading the request budgets', async () => {
        const { rows } = await query<BudgetView>(knex, `${viewSql} ORDER BY connection, tenant, quota`);
        return rows;
      });
    },
  };
}

function outageOf(row: BudgetView | undefined): Outage | null {
  if (row === undefined || row.state === 'closed' || row.probe_in_ms === 0) return null;
  return {
    state: row.state,
    number: row.outage,
    waitMs: row.probe_in_ms,
    since: row.opened_at ?? new Date(),
    error: row.last_error,
  };
}
