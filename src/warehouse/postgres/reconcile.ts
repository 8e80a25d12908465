import type { Knex } from 'knex';
import { only, query } from '../../database/postgres.js';
import type { ReconciledTables } from '../../domain/plan.js';
import { comparedBy, type Rule } from '../../quality/rule.js';
import type { ReconcileCounts, ReconcileInput } from '../port.js';
import { refreshStatistics } from './staging.js';
import { readable } from './write/readable.js';

/**
 * Checks what changed since the last reconciliation (orders, orders of changed invoices, suppliers, header
 * totals and customers) and everything still open. One transaction; loads are noted as reconciled in it, each for
 * the source that looked: sources share their customers. So a run that was killed or cancelled between its merge
 * and here leaves its orders to the next one.
 */
export async function reconcile(
  knex: Knex,
  rules: readonly Rule[],
  input: ReconcileInput,
): Promise<ReconcileCounts> {
  const bindings: Record<string, string> = {
    tenant: input.tenant,
    source: input.source,
    run: input.runId,
    threshold: input.threshold,
    absolute: input.tolerance.absolute,
    relative: input.tolerance.relative,
    reporting: input.reportingCurrency,
    high: input.highPriority,
    customers: input.tables.customers,
  };
  return knex.transaction(async (trx) => {
    await trx.raw('SELECT pg_advisory_xact_lock(hashtextextended(?, 7203321005))', [
      `${input.tenant}/${input.source}`,
    ]);
    const tables = await readableTables(trx, input.tables);
    await collectScope(trx, tables, bindings);
    if (tables.suppliers !== undefined)
      await query(
        trx,
        `UPDATE analytics.po_fact f SET supplier_name = s.name FROM scope, ${tables.suppliers} s
         WHERE f._tenant = :tenant AND f._source = :source AND f.po_id = scope.po_id
           AND s._tenant = :tenant AND s._source = :source AND s.supplier_id = f.supplier_id AND NOT s._deleted
           AND f.supplier_name IS DISTINCT FROM s.name`,
        bindings,
      );
    await applyRules(trx, rules, tables, bindings);
    const counts = await settle(trx, bindings);
    await refreshStatistics(trx, ['analytics.po_discrepancy'], counts.opened);
    return counts;
  });
}

/** The same tables as they may stand behind FROM. */
async function readableTables(trx: Knex.Transaction, tables: ReconciledTables): Promise<ReconciledTables> {
  const names = Object.entries(tables) as [keyof ReconciledTables, string][];
  const found = await readable(
    trx,
    names.map(([, table]) => table),
  );
  return { ...tables, ...Object.fromEntries(names.map(([name], index) => [name, found[index]])) };
}

/** Orders that did not change themselves: what they are checked against did. */
function changedBeside({ totals, suppliers, customers, invoices }: ReconciledTables): string {
  return [
    totals === undefined
      ? ''
      : `UNION SELECT h.po_id FROM ${totals} h WHERE h._tenant = :tenant AND h._source = :source AND h._batch_id IN (SELECT label FROM fresh)`,
    suppliers === undefined
      ? ''
      : `UNION SELECT f.po_id FROM ${suppliers} s
       JOIN analytics.po_fact f ON f._tenant = s._tenant AND f._source = s._source AND f.supplier_id = s.supplier_id
       WHERE s._tenant = :tenant AND s._source = :source AND s._batch_id IN (SELECT label FROM fresh)`,
    `UNION SELECT f.po_id FROM ${customers} c
       JOIN analytics.po_fact f ON f._tenant = c._tenant AND f.customer_account_id = c.account_id AND f._source = :source
       WHERE c._tenant = :tenant AND c._batch_id IN (SELECT label FROM fresh)`,
    invoices === undefined
      ? ''
      : `UNION SELECT f.po_id FROM ${invoices} i
       CROSS JOIN LATERAL json_to_recordset(i.lines) AS l(po_number text)
       JOIN analytics.po_fact f ON f._tenant = i._tenant AND f._source = i._source AND f.po_number = l.po_number
       WHERE i._tenant = :tenant AND i._source = :source AND i._batch_id IN (SELECT label FROM fresh)`,
  ].join('\n     ');
}

async function collectScope(
  trx: Knex.Transaction,
  tables: ReconciledTables,
  bindings: Record<string, string>,
): Promise<void> {
  await query(
    trx,
    `CREATE TEMP TABLE fresh ON COMMIT DROP AS
     SELECT batch_id, generation, batch_id || '.' || generation AS label FROM raw._baton_loads
     WHERE tenant = :tenant AND state = 'loaded'
       AND (connection = :source AND NOT connection = ANY (reconciled_by)
            OR target = :customers AND loaded > 0 AND NOT :source = ANY (reconciled_by))
     ORDER BY batch_id, generation FOR UPDATE`,
    bindings,
  );
  await trx.raw('ANALYZE fresh');
  await query(
    trx,
    `CREATE TEMP TABLE scope ON COMMIT DROP AS
     SELECT f.po_id FROM analytics.po_fact f WHERE f._tenant = :tenant AND f._source = :source AND f._batch_id IN (SELECT label FROM fresh)
     ${changedBeside(tables)}
     UNION SELECT po_id FROM analytics.po_discrepancy WHERE tenant = :tenant AND source = :source AND state = 'open'`,
    bindings,
  );
  await query(
    trx,
    `CREATE TEMP TABLE checked ON COMMIT DROP AS
     SELECT f.* FROM analytics.po_fact f JOIN scope USING (po_id)
     WHERE f._tenant = :tenant AND f._source = :source AND f.status <> 'cancelled' AND NOT f._deleted`,
    bindings,
  );
  await trx.raw('CREATE TEMP TABLE scope_numbers ON COMMIT DROP AS SELECT DISTINCT po_number FROM checked');
  await trx.raw(
    'CREATE UNIQUE INDEX ON scope (po_id); CREATE UNIQUE INDEX ON checked (po_id); ANALYZE scope; ANALYZE checked; ANALYZE scope_numbers',
  );
}

/** Fills `found` with every finding, and `undecided` with what a rule could not judge. */
async function applyRules(
  trx: Knex.Transaction,
  rules: readonly Rule[],
  tables: ReconciledTables,
  bindings: Record<string, string>,
): Promise<void> {
  await trx.raw(
    `CREATE TEMP TABLE found (po_id text, rule text, evidence jsonb, PRIMARY KEY (po_id, rule)) ON COMMIT DROP;
     CREATE TEMP TABLE undecided (po_id text, rule text, PRIMARY KEY (po_id, rule)) ON COMMIT DROP`,
  );
  for (const rule of rules) {
    const compared = comparedBy(rule, tables);
    if (compared === null) continue;
    await query(
      trx,
      `INSERT INTO found (po_id, rule, evidence) SELECT po_id, '${rule.name}', evidence FROM (${rule.sql(compared)}) r`,
      bindings,
    );
    if (rule.undecided !== undefined)
      await query(
        trx,
        `INSERT INTO undecided (po_id, rule) SELECT po_id, '${rule.name}' FROM (${rule.undecided(compared)}) r`,
        bindings,
      );
  }
}

/** Opens, refreshes and resolves; sets the orders' flags to what is open then; marks the loads. */
async function settle(trx: Knex.Transaction, bindings: Record<string, string>): Promise<ReconcileCounts> {
  const { rows } = await query<ReconcileCounts>(
    trx,
    `WITH opened AS (
       INSERT INTO analytics.po_discrepancy AS d (tenant, source, po_id, rule, state, evidence, opened_run, seen_run)
       SELECT :tenant, :source, po_id, rule, 'open', evidence, :run, :run FROM found
       ON CONFLICT (tenant, source, po_id, rule) DO UPDATE SET
         evidence = excluded.evidence, seen_run = excluded.seen_run, state = 'open', resolved_run = NULL, resolved_at = NULL,
         episode = d.episode + (d.state = 'resolved')::int,
         sightings = CASE WHEN d.state = 'resolved' THEN 1 ELSE d.sightings + 1 END,
         mended_at = CASE WHEN d.state = 'resolved' THEN d.resolved_at ELSE d.mended_at END,
         opened_run = CASE WHEN d.state = 'resolved' THEN excluded.opened_run ELSE d.opened_run END,
         opened_at = CASE WHEN d.state = 'resolved' THEN now() ELSE d.opened_at END
       RETURNING opened_run = :run AS is_new
     ), resolved AS (
       UPDATE analytics.po_discrepancy d SET state = 'resolved', resolved_run = :run, resolved_at = now()
       FROM scope WHERE d.tenant = :tenant AND d.source = :source AND d.po_id = scope.po_id AND d.state = 'open'
         AND NOT EXISTS (SELECT 1 FROM found WHERE found.po_id = d.po_id AND found.rule = d.rule)
         AND NOT EXISTS (SELECT 1 FROM undecided u WHERE u.po_id = d.po_id AND u.rule = d.rule)
       RETURNING 1
     )
     SELECT (SELECT count(*) FROM scope)::int AS checked, (SELECT count(*) FROM opened WHERE is_new)::int AS opened,
            (SELECT count(*) FROM opened WHERE NOT is_new)::int AS still_open, (SELECT count(*) FROM resolved)::int AS resolved`,
    bindings,
  );
  await query(
    trx,
    `UPDATE analytics.po_fact f SET flags = wanted.flags
     FROM (SELECT scope.po_id, coalesce(array_agg(d.rule ORDER BY d.rule) FILTER (WHERE d.rule IS NOT NULL), '{}') AS rules
           FROM scope LEFT JOIN analytics.po_discrepancy d
             ON d.tenant = :tenant AND d.source = :source AND d.po_id = scope.po_id AND d.state = 'open'
           GROUP BY scope.po_id) r,
     LATERAL (SELECT CASE WHEN 'no_rate' = ANY (f0.flags) THEN ARRAY['no_rate'] || r.rules ELSE r.rules END AS flags
              FROM analytics.po_fact f0 WHERE f0._tenant = :tenant AND f0._source = :source AND f0.po_id = r.po_id) wanted
     WHERE f._tenant = :tenant AND f._source = :source AND f.po_id = r.po_id AND f.flags <> wanted.flags`,
    bindings,
  );
  await query(
    trx,
    `UPDATE raw._baton_loads l SET reconciled_by = array_append(l.reconciled_by, :source)
     FROM fresh WHERE l.batch_id = fresh.batch_id AND l.generation = fresh.generation`,
    bindings,
  );
  return only(rows);
}
