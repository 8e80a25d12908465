import { type ExtractStep, watermarkOf } from '../domain/plan.js';
import { type BatchPlace, type Manifest, placeOfBatch } from '../lake/parts.js';
import type { Batch, LandedObject } from './batches.js';

/** Where the batch's objects are, by the layout of its step or of the lake: `raw/coupa/purchase_orders/20261123/3f9a01c2d4e5-1`. */
export function placeOf(layout: string, step: Pick<ExtractStep, 'landing'>, batch: Batch): BatchPlace {
  return placeOfBatch({
    template: step.landing?.layout ?? layout,
    connection: batch.connection,
    stream: batch.stream,
    tenant: batch.tenant,
    date: batch.window_to.slice(0, 10).replaceAll('-', ''),
    batch: `${batch.batch_id.slice(0, 12)}-${batch.generation}`,
  });
}

/** What closes the batch in the lake. */
export function manifestOf(
  batch: Batch,
  step: Pick<ExtractStep, 'target' | 'landing' | 'watermark'>,
  parts: readonly LandedObject[],
): Manifest {
  const watermark = watermarkOf(step);
  return {
    batch: batch.batch_id,
    generation: batch.generation,
    connection: batch.connection,
    stream: batch.stream,
    tenant: batch.tenant,
    window: { from: batch.window_from, to: batch.window_to },
    records: parts.reduce((sum, part) => sum + part.records, 0),
    parts: parts.map(({ key, sha256, bytes, records }) => ({ key, sha256, bytes, records })),
    run: batch.run_id,
    step: batch.step_id,
    parameters: batch.parameters,
    target: step.target,
    ...(watermark === undefined ? {} : { watermark }),
    openedAt: batch.created_at.toISOString(),
  };
}
