import { createHash } from 'node:crypto';
import type { Arrival } from '../control/arrivals.js';
import { jsonLines } from '../lake/json-lines.js';
import { BatonError } from '../protocol/errors.js';
import { loaderId } from '../protocol/names.js';
import type { LoadKey, StagedRecord, TableSpec } from '../warehouse/port.js';
import { batchLabel, type ShapeWatch, tableOf, toStaged, watchShape } from '../warehouse/staged.js';
import { followShape, settleShape } from './follow-shape.js';
import type { LoadedArrival } from './load-arrived.js';
import type { LoadWork } from './load-batch.js';
import type { ActivityDeps } from './ports.js';

/** Records per COPY. */
const copyRecords = 1_000;

/**
 * Stages and merges one version of an object that somebody else has put into the lake. Nothing of it is loaded unless
 * all of it could be read. ERR_LAKE_OBJECT_UNREADABLE says what is wrong with it.
 */
export async function loadObject(
  deps: ActivityDeps,
  arrival: Arrival,
  { attempt, signal }: LoadWork,
): Promise<LoadedArrival> {
  const load = keyOfObject(arrival);
  const stored = await deps.warehouse.loadCounts(load.batchId, load.generation);
  if (stored !== null) return { load: batchLabel(load), counts: stored };
  const stream = deps.connections.stream(arrival.connection, arrival.stream);
  const staging = arrival.target.replace('.', '_');
  const table = tableOf(stream, { target: { table: arrival.target as `raw.${string}`, staging } });
  const warehouse = deps.warehouse.during(signal);
  const place = await warehouse.openStaging(table, load, attempt);
  try {
    const shapes = await watchShape(warehouse, table, load);
    const records = await stageLines(deps, { arrival, table, place, load, shapes, signal });
    await settleShape(deps, table, shapes);
    const { counts } = await warehouse.merge(table, place, load, records, null);
    await followShape(deps, table, load, signal);
    return { load: batchLabel(load), counts };
  } catch (error) {
    if (!signal.aborted) await deps.warehouse.dropStaging(place);
    throw error;
  }
}

interface Staging {
  readonly arrival: Arrival;
  readonly table: TableSpec;
  readonly place: string;
  readonly load: LoadKey;
  readonly shapes: ShapeWatch;
  readonly signal: AbortSignal;
}

/** Copies the object's lines as they come; answers how many there were. */
async function stageLines(deps: ActivityDeps, work: Staging): Promise<number> {
  const { arrival, table, place, load, shapes, signal } = work;
  const key = arrival.key ?? '';
  const bytes = await deps.lake.read({ key, version: arrival.version ?? '' });
  if (bytes === null)
    throw new BatonError('ERR_LAKE_OBJECT_UNREADABLE', {
      detail: `${deps.lake.locate(key)} was replaced or removed before it was loaded.`,
    });
  const stream = deps.connections.stream(arrival.connection, arrival.stream);
  let chunk: StagedRecord[] = [];
  let records = 0;
  const flush = async () => {
    if (chunk.length > 0) await deps.warehouse.stage(table, place, load, chunk);
    chunk = [];
  };
  for await (const { line, raw } of jsonLines(deps.lake.locate(key), bytes)) {
    chunk.push(toStaged(stream, raw, 1, line, {}, shapes.observer));
    records += 1;
    if (chunk.length < copyRecords) continue;
    signal.throwIfAborted();
    await flush();
  }
  await flush();
  return records;
}

/** One object in one version is one load, whoever finds it and however often. */
function keyOfObject({ tenant, target, connection, stream, key, version }: Arrival): LoadKey {
  const identity = JSON.stringify([tenant, target, key, version]);
  return {
    batchId: createHash('sha256').update(identity).digest('hex').slice(0, 32),
    generation: 1,
    runId: loaderId(tenant, target),
    connection,
    stream: `${stream}@${target}`,
    tenant,
  };
}
