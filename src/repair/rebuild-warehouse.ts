import type { EffectStore } from '../control/effects.js';
import type { ExtractStep, Plan, ReconcileStep } from '../domain/plan.js';
import { orderRules } from '../quality/rules/index.js';
import type { LoadCounts } from '../warehouse/port.js';
import type { TableChecksum } from '../warehouse/postgres/checksums.js';
import type { WarehouseRepair } from '../warehouse/postgres/rebuild.js';
import { tableOf } from '../warehouse/staged.js';
import { type LakeBatch, lakeBatches, manifestAt, wasLoaded } from './lake-batches.js';
import { type ReplayDeps, replayBatch } from './replay.js';
import { memoriesOf } from './ticket-memory.js';

export interface RebuildDeps extends Omit<ReplayDeps, 'targetOf'> {
  readonly repair: WarehouseRepair;
  readonly effects: Pick<EffectStore, 'latestTickets'>;
  /** Today's pipelines. */
  readonly plans: readonly Plan[];
  /** Told after each batch. */
  readonly onBatch: (done: RebuildProgress) => void;
  readonly now: () => Date;
}

export interface RebuildProgress {
  readonly batch: number;
  readonly batches: number;
  readonly records: number;
  readonly what: string;
}

export interface Rebuilt {
  /** Batches that were merged, and that had been already. */
  readonly merged: number;
  readonly known: number;
  readonly records: number;
  /** Landed and never merged: their windows are read again by the next run, whose watermark stands before them. */
  readonly unloaded: readonly string[];
  /** Batches that came to other counts than when they were first loaded. */
  readonly differences: readonly { readonly manifest: string; readonly what: string }[];
  readonly lostTables: readonly string[];
  readonly watermarks: number;
  readonly discrepancies: number;
  readonly tables: readonly TableChecksum[];
}

/**
 * The warehouse from the lake alone: every batch that it held, in the order in which it came, through today's
 * mappers and the same fenced merges; then the watermarks, the discrepancies that tickets were opened for, and one
 * reconciliation for the flags. Batches that are merged already are skipped, so that a rebuild that was killed
 * goes on where it stopped, and one of a warehouse that lacks nothing changes nothing.
 */
export async function rebuildWarehouse(deps: RebuildDeps): Promise<Rebuilt> {
  const { repair } = deps;
  const batches = await lakeBatches(deps.lake);
  await repair.prepare(
    extractSteps(deps.plans).map((step) => tableOf(deps.stream(step.connection, step.stream), step)),
  );
  const lostTables = await repair.forgetLostTables();
  const loaded = batches.filter(wasLoaded);
  const replayed = await replayAll(deps, loaded);
  const watermarks = await repair.seedWatermarks(lastWatermarks(loaded));
  const discrepancies = await restoreFindings(deps, loaded);
  return {
    ...replayed,
    unloaded: batches.filter((batch) => !wasLoaded(batch)).map(({ manifestKey }) => manifestKey),
    lostTables,
    watermarks,
    discrepancies,
    tables: await repair.checksums(),
  };
}

async function replayAll(deps: RebuildDeps, batches: readonly LakeBatch[]) {
  const replaced = new Set(batches.flatMap(({ replaces }) => replaces));
  const replay: ReplayDeps = {
    ...deps,
    targetOf: (connection, stream) =>
      extractSteps(deps.plans).find((step) => step.connection === connection && step.stream === stream)
        ?.target ?? null,
  };
  const differences: { manifest: string; what: string }[] = [];
  let merged = 0;
  let records = 0;
  for (const [index, batch] of batches.entries()) {
    const manifest = await manifestAt(deps.lake, batch.manifestKey);
    const known = await deps.warehouse.loadCounts(manifest.batch, manifest.generation);
    if (known === null) {
      const { counts } = await replayBatch(replay, manifest, replaced);
      merged += 1;
      records += counts.read;
      const what = differenceOf(batch, counts);
      if (what !== null) differences.push({ manifest: batch.manifestKey, what });
    }
    const what = `${batch.connection} ${batch.stream}`;
    deps.onBatch({ batch: index + 1, batches: batches.length, records, what });
  }
  return { merged, known: batches.length - merged, records, differences };
}

function differenceOf({ note }: LakeBatch, counts: LoadCounts): string | null {
  const names = ['read', 'loaded', 'unchanged', 'quarantined', 'duplicate', 'stale', 'filtered'] as const;
  const others = names.filter((name) => note !== null && note.counts[name] !== counts[name]);
  if (others.length === 0) return null;
  return others.map((name) => `${name} ${counts[name]}, was ${note?.counts[name]}`).join('; ');
}

/** Each stream's after the last of its batches; a batch of an earlier build moved it to its window's end. */
function lastWatermarks(batches: readonly LakeBatch[]) {
  const last = new Map<string, LakeBatch>();
  for (const batch of batches) last.set(`${batch.tenant}/${batch.connection}/${batch.stream}`, batch);
  return [...last.values()].flatMap(({ connection, stream, tenant, note, windowTo }) => {
    const value = note === null ? windowTo : note.watermark;
    return value === null ? [] : [{ connection, stream, tenant, value }];
  });
}

/** Answers how many discrepancies came back with their tickets. */
async function restoreFindings(deps: RebuildDeps, batches: readonly LakeBatch[]): Promise<number> {
  const runId = `rebuild/${deps.now().toISOString().slice(0, 19)}Z`;
  let restored = 0;
  const summaries = [];
  for await (const { tickets, open } of memoriesOf(deps.effects)) {
    restored += await deps.repair.restoreDiscrepancies(tickets);
    summaries.push(...open);
  }
  for (const tenant of new Set(batches.map((batch) => batch.tenant)))
    for (const step of reconcileSteps(deps.plans)) {
      const { source, tables, threshold, tolerance, reportingCurrency, highPriority } = step;
      const input = { runId, tenant, source, tables, threshold, tolerance, reportingCurrency, highPriority };
      await deps.warehouse.reconcile(orderRules, input);
    }
  await deps.repair.settleRestored(summaries);
  return restored;
}

export function extractSteps(plans: readonly Plan[]): ExtractStep[] {
  return plans.flatMap(({ steps }) => steps).filter((step) => step.kind === 'extract');
}

function reconcileSteps(plans: readonly Plan[]): ReconcileStep[] {
  return plans.flatMap(({ steps }) => steps).filter((step) => step.kind === 'reconcile');
}
