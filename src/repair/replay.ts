import type { Stream } from '../connectors/port.js';
import type { Target } from '../domain/plan.js';
import { type Manifest, ordinalOf, readPart } from '../lake/parts.js';
import type { Lake } from '../lake/port.js';
import { BatonError } from '../protocol/errors.js';
import type { LoadKey, LoadResult, TableSpec, Warehouse } from '../warehouse/port.js';
import { type ShapeWatch, tableOf, toStaged, watchShape } from '../warehouse/staged.js';

export interface ReplayDeps {
  readonly lake: Lake;
  readonly warehouse: Warehouse;
  readonly stream: (connection: string, stream: string) => Stream;
  /** Where today's pipelines load a stream, for manifests that do not say it. */
  readonly targetOf: (connection: string, stream: string) => Target | null;
}

/** Records per COPY, as in a run. */
const copyRecords = 1_000;

/**
 * Loads a landed batch again: its objects checked against their digests, its records through today's mapper, by
 * the same fenced merge. A batch that is merged already changes nothing. Memory: two parts. Never moves a watermark.
 */
export async function replayBatch(
  deps: ReplayDeps,
  manifest: Manifest,
  replaced: ReadonlySet<string>,
): Promise<LoadResult> {
  const { warehouse } = deps;
  const stream = deps.stream(manifest.connection, manifest.stream);
  const table = specOf(deps, manifest, stream);
  const load = loadKey(manifest);
  const staging = await warehouse.openStaging(table, load, `r${String(process.pid).padStart(7, '0')}`);
  try {
    const shapes = await watchShape(warehouse, table, load);
    const records = await stageParts(deps, manifest, replaced, { stream, table, load, staging, shapes });
    await shapes.settle();
    const result = await warehouse.merge(table, staging, load, records, null);
    if ((await warehouse.shapeNews(table)).isUnfilled)
      await warehouse.fillColumns(table, new AbortController().signal);
    return result;
  } finally {
    await warehouse.dropStaging(staging);
  }
}

interface Work {
  readonly stream: Stream;
  readonly table: TableSpec;
  readonly load: LoadKey;
  readonly staging: string;
  readonly shapes: ShapeWatch;
}

/** Answers how many records were staged. The next part is read while one is staged. */
async function stageParts(
  deps: ReplayDeps,
  manifest: Manifest,
  replaced: ReadonlySet<string>,
  work: Work,
): Promise<number> {
  const parts = manifest.parts.filter(({ key }) => !replaced.has(key));
  const read = (index: number) => {
    const part = parts[index];
    const reading = part === undefined ? Promise.resolve([]) : readPart(deps.lake, part);
    reading.catch(() => {}); // it is awaited in its turn
    return reading;
  };
  let staged = 0;
  let next = read(0);
  for (const [index, part] of parts.entries()) {
    const lines = await next;
    next = read(index + 1);
    if (lines.length !== part.records)
      throw new BatonError('ERR_LAKE_OBJECT_CHANGED', {
        detail: `${deps.lake.locate(part.key)} holds ${lines.length} records, its manifest says ${part.records}.`,
      });
    await stageLines(deps.warehouse, manifest, work, ordinalOf(part.key), lines);
    staged += lines.length;
  }
  return staged;
}

async function stageLines(
  warehouse: Warehouse,
  { parameters = {} }: Manifest,
  { stream, table, load, staging, shapes }: Work,
  ordinal: number,
  lines: readonly Buffer[],
): Promise<void> {
  for (let at = 0; at < lines.length; at += copyRecords) {
    const records = lines
      .slice(at, at + copyRecords)
      .map((raw, index) => toStaged(stream, raw, ordinal, at + index + 1, parameters, shapes.observer));
    await warehouse.stage(table, staging, load, records);
  }
}

function specOf(deps: ReplayDeps, manifest: Manifest, stream: Stream): TableSpec {
  const target = manifest.target ?? deps.targetOf(manifest.connection, manifest.stream);
  if (target !== null) return tableOf(stream, { target });
  throw new BatonError('ERR_REBUILD_UNKNOWN', {
    detail: `No pipeline says where ${manifest.connection}.${manifest.stream} is loaded, and neither does batch ${manifest.batch}.`,
  });
}

function loadKey(manifest: Manifest): LoadKey {
  const { batch, generation, run, connection, watermark, stream, tenant } = manifest;
  const name = watermark ?? stream;
  return { batchId: batch, generation, runId: run ?? 'rebuild', connection, stream: name, tenant };
}
