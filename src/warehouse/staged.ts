import type { Stream } from '../connectors/port.js';
import type { Batch } from '../control/batches.js';
import type { ExtractStep } from '../domain/plan.js';
import type { LoadKey, StagedRecord, TableSpec } from './port.js';

/** One landed line through the stream's mapper, with the place of its bytes. Loading and verifying do the same. */
export function toStaged(
  stream: Stream,
  raw: Buffer,
  part: number,
  line: number,
  parameters: Readonly<Record<string, string>>,
): StagedRecord {
  const mapped = stream.map(raw, parameters);
  const verdict = mapped.kind === 'filtered' ? ({ kind: 'filtered' } as const) : mapped;
  return { part, line, raw, verdict };
}

export function tableOf(stream: Stream, step: Pick<ExtractStep, 'target'>): TableSpec {
  return { ...step.target, columns: stream.columns, versionColumn: stream.versionColumn };
}

/** A load in one generation, as rows name it in `_batch_id`. */
export function batchLabel(load: Pick<LoadKey, 'batchId' | 'generation'>): string {
  return `${load.batchId}.${load.generation}`;
}

export function loadKeyOf(batch: Batch, step: Pick<ExtractStep, 'landing'>): LoadKey {
  return {
    batchId: batch.batch_id,
    generation: batch.generation,
    runId: batch.run_id,
    connection: batch.connection,
    stream: step.landing?.watermark ?? batch.stream,
    tenant: batch.tenant,
  };
}
