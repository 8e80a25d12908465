import type { Page, Stream } from '../connectors/port.js';
import type { Batch } from '../control/batches.js';
import { BatonError } from '../protocol/errors.js';
import type { Comparison, Warehouse } from '../warehouse/port.js';
import type { ActivityDeps } from './ports.js';

/** The comparison that a repair is of. */
export async function comparisonOf(warehouse: Warehouse, runId: string, stepId: string): Promise<Comparison> {
  const found = await warehouse.comparisons.find({ runId, stepId });
  if (found !== null) return found;
  throw new BatonError('ERR_INTERNAL', { detail: `The comparison ${stepId} of ${runId} is gone.` });
}

/**
 * A stream that gives the records of the keys that a comparison found to differ, so many per call, and no more: its
 * pages are landed and checkpointed as any others. The cursor counts keys.
 */
export function repairsOf(warehouse: Warehouse, stream: Stream, runId: string, stepId: string): Stream {
  const { keys } = stream;
  if (keys === undefined)
    throw new BatonError('ERR_INTERNAL', { detail: `${stream.name} cannot be read by keys.` });
  const { split: _, ...plain } = stream;
  return {
    ...plain,
    checkCursor: (cursor) => cursor as never,
    async readPage(connection, _window, cursor, options): Promise<Page> {
      const after = Number(cursor?.['at'] ?? 0);
      const ids = await warehouse.comparisons.differing({ runId, stepId }, after, keys.perCall);
      if (ids.length === 0) return { records: [], next: null, calls: 0, bytes: 0 };
      const page = await keys.read(connection, ids, options);
      return { ...page, next: ids.length < keys.perCall ? null : { at: after + ids.length } };
    },
  };
}

/** Objects that are gone from the lake and whose records the repair reads again. */
export async function lostKeys(
  warehouse: Warehouse,
  runId: string,
  stepId: string,
): Promise<readonly string[]> {
  return (await comparisonOf(warehouse, runId, stepId)).lost.map(({ key }) => key);
}

/** Lost objects whose records are in this batch are not missed again. */
export async function replaceLost(deps: ActivityDeps, batch: Batch, stepId: string): Promise<void> {
  const keys = await lostKeys(deps.warehouse, batch.run_id, stepId);
  if (keys.length > 0) await deps.batches.replaceParts(keys, batch);
}
