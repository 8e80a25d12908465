import { BatonError } from '../protocol/errors.js';
import type { LoadKey, SchemaChange, TableSpec } from '../warehouse/port.js';
import type { ShapeWatch } from '../warehouse/staged.js';
import { sendAlerts } from './alerts.js';
import type { ActivityDeps } from './ports.js';

/** The most changes that one message names. */
const shown = 20;

/**
 * After a load: fills columns that were added, and tells of changes. Both go on where an earlier attempt ended, and do
 * nothing where nothing is left. One message per batch that brought changes: the ledger takes each batch once.
 */
export async function followShape(
  deps: ActivityDeps,
  table: TableSpec,
  load: LoadKey,
  signal: AbortSignal,
): Promise<void> {
  const { untold, isUnfilled } = await deps.warehouse.shapeNews(table);
  await tellChanges(deps, table, untold);
  if (!isUnfilled) return;
  const filled = await deps.warehouse.during(signal).fillColumns(table, signal);
  if (filled > 0) deps.log.info({ table: table.table, tenant: load.tenant, filled }, 'filled added columns');
}

/** Takes note of what a staged batch looks like; what a frozen table refuses is told of at once. */
export async function settleShape(deps: ActivityDeps, table: TableSpec, shapes: ShapeWatch): Promise<void> {
  try {
    await shapes.settle();
  } catch (error) {
    if (error instanceof BatonError && error.error === 'ERR_SCHEMA_FROZEN')
      await tellChanges(deps, table, (await deps.warehouse.shapeNews(table)).untold);
    throw error;
  }
}

async function tellChanges(
  deps: ActivityDeps,
  table: TableSpec,
  changes: readonly SchemaChange[],
): Promise<void> {
  if (changes.length === 0) return;
  const byBatch = new Map<string, SchemaChange[]>();
  for (const change of changes)
    byBatch.set(change.batch_id, [...(byBatch.get(change.batch_id) ?? []), change]);
  for (const [batch, group] of byBatch) await tell(deps, table.table, batch, group);
  await deps.warehouse.markTold(changes);
}

async function tell(
  deps: ActivityDeps,
  table: string,
  batch: string,
  changes: readonly SchemaChange[],
): Promise<void> {
  const [first] = changes;
  if (first === undefined) return;
  const lines = changes.slice(0, shown).map(({ key, detail }) => `• ${key} ${detail}`);
  const rest = changes.length - lines.length;
  await sendAlerts(
    deps,
    deps.alerts.on_schema_change,
    {
      runId: first.run_id,
      tenant: first.tenant,
      cause: `schema:${table}`,
      action: 'changed',
      ordinal: batch,
      severity: 'warning',
      title: `${first.source} has changed what it sends to ${table}`,
      text: [...lines, ...(rest > 0 ? [`… and ${rest} more: baton data changes ${table}`] : [])].join('\n'),
      fields: [{ name: 'Batch', value: batch }],
    },
    true,
  );
}
