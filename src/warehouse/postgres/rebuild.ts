import type { Knex } from 'knex';
import { type Database, query } from '../../database/postgres.js';
import type { TableSpec } from '../port.js';
import { checksums, type TableChecksum } from './checksums.js';
import { qualified } from './names.js';
import { prepareFoundation, prepareTable } from './schema.js';
import type { WatermarkKey } from './watermarks.js';

/** A ticket of one order, in its latest episode, as a discrepancy remembers it. */
export interface TicketMemory {
  readonly tenant: string;
  readonly source: string;
  readonly po_id: string;
  readonly rule: string;
  readonly episode: number;
  readonly state: 'open' | 'resolved';
  readonly cause: string;
  readonly opened_by: string;
  readonly resolved_by: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** A discrepancy that has, or had planned, a ticket. */
export interface PlannedTicket {
  readonly tenant: string;
  readonly source: string;
  readonly po_id: string;
  readonly rule: string;
  readonly ticket_cause: string;
  readonly ticket_episode: number;
  readonly planned_state: 'open' | 'resolved' | null;
}

/** The open ticket that is for many orders of a rule. */
export type SummaryMemory = Pick<TicketMemory, 'tenant' | 'source' | 'rule' | 'cause'>;

export type WarehouseRepair = ReturnType<typeof createWarehouseRepair>;

/** What mends a warehouse as a whole, beside the loads of `Warehouse`. */
export function createWarehouseRepair(database: Database) {
  const { knex, guard } = database;
  return {
    prepare: (tables: readonly TableSpec[]): Promise<void> =>
      guard('preparing the warehouse', async () => {
        await prepareFoundation(knex);
        for (const table of tables) await prepareTable(knex, table);
      }),
    holdsLoads: () => guard('looking into the warehouse', () => holdsLoads(knex)),
    forgetLostTables: () => guard('looking for lost tables', () => forgetLostTables(knex)),
    empty: () => guard('emptying the warehouse', () => empty(knex)),
    checksums: (): Promise<TableChecksum[]> => guard('reading the checksums', () => checksums(knex)),
    seedWatermarks: (seeds: readonly (WatermarkKey & { readonly value: string })[]) =>
      guard('putting watermarks back', () => seedWatermarks(knex, seeds)),
    restoreDiscrepancies: (tickets: readonly TicketMemory[]) =>
      guard('putting discrepancies back', () => restoreDiscrepancies(knex, tickets)),
    /** Page by page. Empty where nothing was ever loaded. */
    plannedTickets: () => plannedTickets(database),
    /** What is planned for a ticket that the desk does not have is to be planned anew; answers how many changed. */
    replan: (rows: readonly PlannedTicket[]) => guard('noting planned tickets', () => replan(knex, rows)),
    settleRestored: (summaries: readonly SummaryMemory[]) =>
      guard('putting discrepancies back', () => settleRestored(knex, summaries)),
  };
}

/**
 * Forgets the loads of tables that are gone or empty although rows were loaded: they would be taken for done.
 * Their quarantine goes with them and comes back with them. Answers the tables.
 */
async function forgetLostTables(knex: Knex): Promise<string[]> {
  const { rows } = await knex.raw(
    `SELECT target FROM raw._baton_loads WHERE state = 'loaded' GROUP BY target HAVING sum(loaded) > 0 ORDER BY 1`,
  );
  const lost: string[] = [];
  for (const { target } of rows as { target: string }[])
    if (!(await holdsRows(knex, target))) lost.push(target);
  for (const target of lost) await forget(knex, target);
  return lost;
}

async function holdsRows(knex: Knex, table: string): Promise<boolean> {
  const exists = await knex.raw('SELECT to_regclass(?) IS NOT NULL AS found', [table]);
  if (exists.rows[0].found !== true) return false;
  const { rows } = await knex.raw(`SELECT EXISTS (SELECT FROM ${qualified(table)}) AS found`);
  return rows[0].found;
}

async function forget(knex: Knex, target: string): Promise<void> {
  await knex.transaction(async (trx) => {
    await trx.raw('DELETE FROM raw._baton_loads WHERE target = ?', [target]);
    await trx.raw('DELETE FROM quarantine.records WHERE target = ?', [target]);
  });
}

/** Whether a load has been merged here. */
async function holdsLoads(knex: Knex): Promise<boolean> {
  const { rows } = await knex.raw(`SELECT to_regclass('raw._baton_loads') IS NOT NULL AS prepared`);
  if (rows[0].prepared !== true) return false;
  const loads = await knex.raw(
    `SELECT EXISTS (SELECT FROM raw._baton_loads WHERE state = 'loaded') AS found`,
  );
  return loads.rows[0].found;
}

/** Empties all that loads and reconciliation have written. What others have built on the tables stays. */
async function empty(knex: Knex): Promise<void> {
  const { rows } = await knex.raw(
    `SELECT DISTINCT target FROM raw._baton_loads WHERE to_regclass(target) IS NOT NULL`,
  );
  const tables = new Set<string>([
    ...(rows as { target: string }[]).map(({ target }) => qualified(target)),
    ...['analytics.po_fact', 'analytics.po_line_fact', 'analytics.po_discrepancy', 'quarantine.records'],
    ...['raw._baton_loads', 'raw._baton_watermarks'],
  ]);
  await knex.raw(`TRUNCATE ${[...tables].join(', ')}`);
}

/** Puts a watermark where there is none. */
async function seedWatermarks(
  knex: Knex,
  seeds: readonly (WatermarkKey & { readonly value: string })[],
): Promise<number> {
  const { rowCount } = await query(
    knex,
    `INSERT INTO raw._baton_watermarks (connection, stream, tenant, value, moved_by)
     SELECT connection, stream, tenant, value, 'rebuild'
     FROM jsonb_to_recordset(:seeds::jsonb) AS s(connection text, stream text, tenant text, value text)
     ON CONFLICT DO NOTHING`,
    { seeds: JSON.stringify(seeds) },
  );
  return rowCount;
}

/**
 * Puts back the discrepancies that tickets were opened for, where they are gone: in the ticket's episode, open
 * until a reconciliation finds otherwise, or resolved when the ticket is. Answers how many.
 */
async function restoreDiscrepancies(knex: Knex, tickets: readonly TicketMemory[]): Promise<number> {
  const { rowCount } = await query(
    knex,
    `INSERT INTO analytics.po_discrepancy (tenant, source, po_id, rule, episode, state, evidence, opened_run, opened_at,
            seen_run, resolved_run, resolved_at, ticket_cause, ticket_episode, planned_state)
     SELECT tenant, source, po_id, rule, episode, state, '{}', opened_by, created_at, coalesce(resolved_by, opened_by),
            CASE WHEN state = 'resolved' THEN resolved_by END, CASE WHEN state = 'resolved' THEN updated_at END,
            cause, episode, state
     FROM jsonb_to_recordset(:tickets::jsonb) AS t(tenant text, source text, po_id text, rule text, episode int, state text,
            cause text, opened_by text, resolved_by text, created_at timestamptz, updated_at timestamptz)
     ON CONFLICT DO NOTHING`,
    { tickets: JSON.stringify(tickets) },
  );
  return rowCount;
}

/**
 * After the reconciliation: what the tickets say is taken for current, so that none is commented on anew; what
 * is open without a ticket of its own belongs to its rule's open summary, where there is one.
 */
async function settleRestored(knex: Knex, summaries: readonly SummaryMemory[]): Promise<void> {
  await knex.raw(
    `UPDATE analytics.po_discrepancy SET planned_evidence = evidence
     WHERE state = 'open' AND planned_state = 'open' AND planned_evidence IS NULL AND ticket_episode = episode`,
  );
  await query(
    knex,
    `UPDATE analytics.po_discrepancy d SET ticket_cause = t.cause, ticket_episode = d.episode, planned_state = 'open', planned_evidence = d.evidence
     FROM jsonb_to_recordset(:summaries::jsonb) AS t(tenant text, source text, rule text, cause text)
     WHERE d.tenant = t.tenant AND d.source = t.source AND d.rule = t.rule AND d.state = 'open' AND d.ticket_episode IS NULL`,
    { summaries: JSON.stringify(summaries) },
  );
}

const plannedPage = 1_000;

async function* plannedTickets({ knex, guard }: Database): AsyncGenerator<PlannedTicket[]> {
  const { rows } = await guard('looking into the warehouse', () =>
    knex.raw(`SELECT to_regclass('analytics.po_discrepancy') IS NOT NULL AS found`),
  );
  if (rows[0].found !== true) return;
  let after = { tenant: '', source: '', po_id: '', rule: '' };
  for (;;) {
    const page = await guard('reading discrepancies', () =>
      query<PlannedTicket>(
        knex,
        `SELECT tenant, source, po_id, rule, ticket_cause, ticket_episode, planned_state FROM analytics.po_discrepancy
         WHERE ticket_episode IS NOT NULL AND (tenant, source, po_id, rule) > (:tenant, :source, :po_id, :rule)
         ORDER BY tenant, source, po_id, rule LIMIT ${plannedPage}`,
        after,
      ),
    );
    const last = page.rows.at(-1);
    if (last === undefined) return;
    yield page.rows;
    after = { tenant: last.tenant, source: last.source, po_id: last.po_id, rule: last.rule };
  }
}

/** One that is over and has no ticket has nothing to be told to. */
async function replan(knex: Knex, rows: readonly PlannedTicket[]): Promise<number> {
  const { rowCount } = await query(
    knex,
    `UPDATE analytics.po_discrepancy d SET planned_state = r.planned_state,
            planned_evidence = CASE WHEN r.planned_state IS NULL THEN NULL ELSE d.planned_evidence END,
            ticket_cause = CASE WHEN r.planned_state IS NULL AND d.state = 'resolved' THEN NULL ELSE d.ticket_cause END,
            ticket_episode = CASE WHEN r.planned_state IS NULL AND d.state = 'resolved' THEN NULL ELSE d.ticket_episode END
     FROM jsonb_to_recordset(:rows::jsonb) AS r(tenant text, source text, po_id text, rule text, planned_state text)
     WHERE d.tenant = r.tenant AND d.source = r.source AND d.po_id = r.po_id AND d.rule = r.rule`,
    { rows: JSON.stringify(rows) },
  );
  return rowCount;
}
