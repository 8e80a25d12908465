import type { Retention } from '../config/schema/retention.js';
import type { Stream } from '../connectors/port.js';
import type { OldBatch, RetainedStore } from '../control/retained.js';
import type { Plan } from '../domain/plan.js';
import { keyBeside } from '../lake/load-note.js';
import { type Manifest, ordinalOf, readManifest, readPart } from '../lake/parts.js';
import type { Lake } from '../lake/port.js';
import { BatonError } from '../protocol/errors.js';
import type { LoadKey, TableSpec, Warehouse } from '../warehouse/port.js';
import type { Need, WarehouseRetention } from '../warehouse/postgres/retained.js';
import { tableOf, toStaged, watchShape } from '../warehouse/staged.js';

export interface RetentionDeps {
  readonly retained: RetainedStore;
  readonly needs: WarehouseRetention;
  readonly warehouse: Warehouse;
  readonly lake: Lake;
  readonly plans: readonly Plan[];
  /** Throws where the connection or the stream is not there any more. */
  readonly stream: (connection: string, stream: string) => Stream;
  readonly now: () => Date;
  readonly signal?: AbortSignal;
}

/** What was removed, or with `dryRun` would be. */
export interface Swept {
  readonly runs: number;
  readonly effects: number;
  readonly events: number;
  /** Batches whose checkpoints were removed. */
  readonly checkpoints: number;
  readonly batches: number;
  readonly objects: number;
  readonly bytes: number;
  /** Old batches that are kept, by what they are needed for. */
  readonly needed: Readonly<
    Partial<
      Record<Need | 'others are enriched from it' | 'it stands for lost objects' | 'unreadable', number>
    >
  >;
}

/**
 * Removes what is past its time and needed no more. Killed anywhere it leaves nothing half: of a batch the manifest
 * goes first, its row last, and the next sweep goes on with it. Null = another process is at it.
 */
export function sweep(
  deps: RetentionDeps,
  policy: Retention,
  { dryRun }: { readonly dryRun: boolean },
): Promise<Swept | null> {
  const { retained } = deps;
  const before = (ms: number | null) => (ms === null ? null : new Date(deps.now().getTime() - ms));
  const unless = async (cut: Date | null, work: (cut: Date) => Promise<number>) =>
    cut === null ? 0 : work(cut);
  return retained.alone(async () => {
    const lake = await sweepLake(deps, before(policy.lake), dryRun);
    const checkpoints = await sweepCheckpoints(deps, before(policy.parts), dryRun);
    const effects = await unless(
      before(policy.effects),
      dryRun ? retained.countEffects : retained.removeEffects,
    );
    const events = await unless(before(policy.events), dryRun ? retained.countEvents : retained.removeEvents);
    const runs = await unless(before(policy.runs), dryRun ? retained.countRuns : retained.removeRuns);
    return { ...lake, checkpoints, effects, events, runs };
  });
}

async function* pages(next: (after: OldBatch | null) => Promise<OldBatch[]>, signal?: AbortSignal) {
  for (let after: OldBatch | null = null; ; ) {
    const found: OldBatch[] = await next(after);
    for (const batch of found) {
      signal?.throwIfAborted();
      yield batch;
      after = batch;
    }
    if (found.length === 0) return;
  }
}

async function sweepCheckpoints(
  { retained, signal }: RetentionDeps,
  before: Date | null,
  dryRun: boolean,
): Promise<number> {
  if (before === null) return 0;
  let count = 0;
  for await (const batch of pages((after) => retained.checkpointed(before, after), signal)) {
    count += 1;
    if (!dryRun) await retained.forgetParts(batch);
  }
  return count;
}

async function sweepLake(deps: RetentionDeps, before: Date | null, dryRun: boolean) {
  const needed: Record<string, number> = {};
  let [batches, objects, bytes] = [0, 0, 0];
  if (before === null) return { batches, objects, bytes, needed };
  const kept = sourcesOfOthers(deps.plans);
  for await (const batch of pages((after) => deps.retained.landed(before, after), deps.signal)) {
    const manifest = await manifestOf(deps, batch);
    const need = manifest === null ? null : await needOf(deps, batch, manifest, before, kept);
    if (need !== null) {
      needed[need] = (needed[need] ?? 0) + 1;
      continue;
    }
    batches += 1;
    objects += (manifest?.parts.length ?? 0) + 1;
    bytes += (manifest?.parts ?? []).reduce((sum, part) => sum + part.bytes, 0);
    if (!dryRun) await removeBatch(deps, batch, manifest);
  }
  return { batches, objects, bytes, needed };
}

/** Null where an earlier sweep had taken it away and was killed: what is left goes without further questions. */
async function manifestOf({ lake }: RetentionDeps, batch: OldBatch): Promise<Manifest | null> {
  const key = batch.manifest_key ?? '';
  return (await lake.get(key)) === null ? null : readManifest(lake, key, batch.manifest_sha256 ?? '');
}

async function needOf(
  deps: RetentionDeps,
  batch: OldBatch,
  manifest: Manifest,
  before: Date,
  kept: ReadonlySet<string>,
): Promise<keyof Swept['needed'] | null> {
  const target = manifest.target ?? null;
  if (target === null) return 'unreadable';
  if (kept.has(target.table)) return 'others are enriched from it';
  // Without it a rebuild would look for the objects that it stands for, and find them gone.
  if ((manifest.replaces ?? []).length > 0) return 'it stands for lost objects';
  const load: LoadKey = {
    batchId: batch.batch_id,
    generation: batch.generation,
    runId: batch.run_id,
    connection: batch.connection,
    stream: manifest.watermark ?? batch.stream,
    tenant: batch.tenant,
  };
  const need = await deps.needs.need(target.table, load, before);
  if (need !== null) return need;
  const stream = streamOf(deps, batch);
  if (stream === null) return 'unreadable';
  const spec = tableOf(stream, { target });
  try {
    return (await isElsewhere(deps, spec, load, manifest, stream)) ? null : 'its records are nowhere else';
  } catch (error) {
    // An object that is gone: what can be said of the others does not wait for it.
    if (error instanceof BatonError && error.error === 'ERR_LAKE_OBJECT_CHANGED') return 'unreadable';
    throw error;
  }
}

function streamOf(deps: RetentionDeps, batch: OldBatch): Stream | null {
  try {
    return deps.stream(batch.connection, batch.stream);
  } catch {
    return null;
  }
}

/** Looks at each record itself: rows may have been removed by hand, and then the lake is all there is of them. */
async function isElsewhere(
  { warehouse, needs, lake }: RetentionDeps,
  spec: TableSpec,
  load: LoadKey,
  manifest: Manifest,
  stream: Stream,
): Promise<boolean> {
  const staging = await warehouse.openStaging(spec, load, `y${process.pid}`);
  try {
    const { observer } = await watchShape(warehouse, spec, load);
    for (const part of manifest.parts) {
      const ordinal = ordinalOf(part.key);
      const records = (await readPart(lake, part)).map((raw, index) =>
        toStaged(stream, raw, ordinal, index + 1, manifest.parameters ?? {}, observer),
      );
      await warehouse.stage(spec, staging, load, records);
    }
    return !(await needs.lacks(spec, staging, load));
  } finally {
    await warehouse.dropStaging(staging);
  }
}

/** Its manifest first: nobody is told of parts that are not there. Its row last: until then it comes again. */
async function removeBatch(
  { lake, retained }: RetentionDeps,
  batch: OldBatch,
  manifest: Manifest | null,
): Promise<void> {
  const key = batch.manifest_key ?? '';
  await lake.remove(key);
  await lake.remove(keyBeside(key));
  const folder = key.slice(0, key.lastIndexOf('/') + 1);
  const ours = new Set(manifest?.parts.map((part) => part.key));
  if (manifest === null)
    for await (const other of lake.list(folder)) if (isOfSame(key, other)) ours.add(other);
  for (const part of ours) await lake.remove(part);
  await retained.forgetParts(batch);
  await retained.noteSwept(batch);
}

/** Whether an object beside a manifest has the batch's label, or is in a folder that is the batch's own. */
function isOfSame(manifestKey: string, other: string): boolean {
  const label = /_manifest(-[0-9a-f]{12}-\d+)?\.json$/.exec(manifestKey)?.[1];
  return label === undefined || other.includes(`part${label}-`);
}

/** Tables that others take columns from when they are merged: made again, these must find what was there then. */
function sourcesOfOthers(plans: readonly Plan[]): ReadonlySet<string> {
  const sources = new Set<string>();
  for (const step of plans.flatMap((plan) => plan.steps))
    if (step.kind === 'extract' && step.target.orders !== undefined) {
      const { suppliers, rates } = step.target.orders;
      if (suppliers !== undefined) sources.add(suppliers);
      sources.add(rates);
    }
  return sources;
}
