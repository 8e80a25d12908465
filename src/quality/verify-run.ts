import type { Stream } from '../connectors/port.js';
import { type Batch, type BatchStore, hasObject, type LandedObject } from '../control/batches.js';
import type { ExtractStep, Plan } from '../domain/plan.js';
import { ordinalOf, readManifest, readPart } from '../lake/parts.js';
import type { Lake } from '../lake/port.js';
import { BatonError } from '../protocol/errors.js';
import type { LoadCounts, Warehouse } from '../warehouse/port.js';
import { loadKeyOf, tableOf, toStaged, watchShape } from '../warehouse/staged.js';

export interface VerifyDeps {
  readonly batches: BatchStore;
  readonly warehouse: Warehouse;
  readonly lake: Lake;
  readonly stream: (connection: string, stream: string) => Stream;
}

type VerifiedPart = Pick<LandedObject, 'ordinal' | 'key' | 'sha256' | 'bytes' | 'records'>;

/** One thing that is not as the run left it. */
export interface Difference {
  readonly kind: 'object' | 'row' | 'count';
  /** The lake object's place, `table/id`, or the batch's step. */
  readonly where: string;
  readonly what: string;
}

export interface Verification {
  readonly runId: string;
  readonly ok: boolean;
  readonly batches: number;
  readonly objects: number;
  readonly records: number;
  readonly differences: readonly Difference[];
  /** What could not be checked, and why. */
  readonly notes: readonly string[];
}

/**
 * Recomputes a run's receipt from the lake and the warehouse: every object's sha256, every record through
 * today's mapper, every row, line and quarantined record, every count. Writes only a staging table of its own.
 */
export async function verifyRun(deps: VerifyDeps, runId: string, plan: Plan): Promise<Verification> {
  const differences: Difference[] = [];
  const notes: string[] = [];
  const batches = await deps.batches.ofRun(runId);
  let objects = 0;
  let records = 0;
  for (const batch of batches) {
    const step = plan.steps.find((candidate) => candidate.id === batch.step_id);
    if (step?.kind !== 'extract' || batch.state !== 'landed') continue;
    if (batch.swept_at !== null) {
      notes.push(sweptNote(batch));
      continue;
    }
    const parts = await partsOf(deps, batch);
    objects += parts.length + (batch.manifest_key === null ? 0 : 1);
    records += parts.reduce((sum, part) => sum + part.records, 0);
    const broken = await verifyObjects(deps, batch, parts);
    differences.push(...broken);
    if (broken.length > 0) continue;
    const rows = await verifyRows(deps, batch, step, parts);
    differences.push(...rows.differences);
    notes.push(...rows.notes);
  }
  return {
    runId,
    ok: differences.length === 0,
    batches: batches.length,
    objects,
    records,
    differences,
    notes,
  };
}

function sweptNote({ step_id: step, swept_at: sweptAt }: Batch): string {
  return `${step}: its objects were past their time and removed at ${sweptAt?.toISOString()}; each of its records has a newer version.`;
}

/** As they were recorded; once the checkpoints are past their time, as the manifest names them. */
async function partsOf(deps: VerifyDeps, batch: Batch): Promise<readonly VerifiedPart[]> {
  const recorded = (await deps.batches.parts(batch)).filter(hasObject);
  if (recorded.length > 0 || batch.manifest_key === null) return recorded;
  const body = await deps.lake.get(batch.manifest_key);
  if (body === null) return [];
  const { parts } = await readManifest(deps.lake, batch.manifest_key, batch.manifest_sha256 ?? '');
  return parts.map((part) => ({ ...part, ordinal: ordinalOf(part.key) }));
}

async function verifyObjects(
  deps: VerifyDeps,
  batch: Batch,
  parts: readonly VerifiedPart[],
): Promise<Difference[]> {
  const found: Difference[] = [];
  const note = (where: string, error: unknown) => {
    if (!(error instanceof BatonError) || error.error !== 'ERR_LAKE_OBJECT_CHANGED') throw error;
    found.push({ kind: 'object', where, what: error.message });
  };
  try {
    if (batch.manifest_key === null) return [];
    const manifest = await readManifest(deps.lake, batch.manifest_key, batch.manifest_sha256 ?? '');
    const named = manifest.parts.map((part) => `${part.key} ${part.sha256} ${part.records}`).join('\n');
    const known = parts.map((part) => `${part.key} ${part.sha256} ${part.records}`).join('\n');
    if (named !== known)
      found.push({
        kind: 'object',
        where: batch.manifest_key ?? '',
        what: 'names other parts than were recorded',
      });
  } catch (error) {
    note(batch.manifest_key ?? '', error);
  }
  for (const part of parts)
    try {
      const lines = await readPart(deps.lake, part);
      if (lines.length !== part.records)
        found.push({
          kind: 'object',
          where: part.key,
          what: `holds ${lines.length} records, recorded were ${part.records}`,
        });
    } catch (error) {
      note(part.key, error);
    }
  return found;
}

async function verifyRows(
  deps: VerifyDeps,
  batch: Batch,
  step: ExtractStep,
  parts: readonly VerifiedPart[],
): Promise<{ readonly differences: readonly Difference[]; readonly notes: readonly string[] }> {
  const stored = await deps.warehouse.loadCounts(batch.batch_id, batch.generation);
  if (stored === null) return { differences: [], notes: [] };
  const stream = deps.stream(batch.connection, batch.stream);
  const table = tableOf(stream, step);
  const load = loadKeyOf(batch, step);
  const staging = await deps.warehouse.openStaging(table, load, `v${process.pid}`);
  try {
    const { observer } = await watchShape(deps.warehouse, table, load);
    for (const part of parts) {
      const lines = await readPart(deps.lake, part);
      const staged = lines.map((raw, index) =>
        toStaged(stream, raw, part.ordinal, index + 1, batch.parameters, observer),
      );
      await deps.warehouse.stage(table, staging, load, staged);
    }
    const counted = await deps.warehouse.stagedCounts(table, staging);
    const { differences, notes } = await deps.warehouse.verify(table, staging, load);
    const rows = differences.map(({ table: name, id, what }) => ({
      kind: 'row' as const,
      where: `${name}/${id}`,
      what,
    }));
    return { differences: [...compareCounts(batch, stored, counted), ...rows], notes };
  } finally {
    await deps.warehouse.dropStaging(staging);
  }
}

function compareCounts(
  batch: Batch,
  stored: LoadCounts,
  counted: Pick<LoadCounts, 'read' | 'filtered' | 'quarantined' | 'duplicate'>,
): Difference[] {
  const sum =
    stored.loaded + stored.unchanged + stored.quarantined + stored.duplicate + stored.stale + stored.filtered;
  const names = ['read', 'filtered', 'quarantined', 'duplicate'] as const;
  return [
    ...names
      .filter((name) => stored[name] !== counted[name])
      .map((name) => ({
        kind: 'count' as const,
        where: batch.step_id,
        what: `${name} is ${stored[name]} in the receipt and ${counted[name]} in the lake`,
      })),
    ...(sum === stored.read
      ? []
      : [
          {
            kind: 'count' as const,
            where: batch.step_id,
            what: `read is ${stored.read}, its parts add up to ${sum}`,
          },
        ]),
  ];
}
