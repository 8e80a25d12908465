import type { Stream } from '../connectors/port.js';
import type { Batch } from '../control/batches.js';
import type { Mapped } from '../domain/columns.js';
import { type ExtractStep, watermarkOf } from '../domain/plan.js';
import { driftOf, type KnownShape, type SeenShape } from '../domain/shape.js';
import type { LoadKey, StagedRecord, TableSpec, Warehouse } from './port.js';
import { observeShapes, type ShapeObserver, sumOfShapes } from './shape-observer.js';

/**
 * One landed line through the stream's mapper and past the table's contract, with the place of its bytes. Loading and
 * verifying do the same.
 */
export function toStaged(
  stream: Stream,
  raw: Buffer,
  part: number,
  line: number,
  parameters: Readonly<Record<string, string>>,
  shapes: ShapeObserver,
): StagedRecord {
  return { part, line, raw, verdict: verdictOn(stream, stream.map(raw, parameters), shapes) };
}

function verdictOn(stream: Stream, mapped: Mapped, shapes: ShapeObserver): StagedRecord['verdict'] {
  if (mapped.kind === 'filtered') return { kind: 'filtered' };
  const discarded = mapped.parsed === undefined ? null : shapes.see(mapped.parsed, mapped.kind === 'row');
  if (mapped.kind === 'quarantined') {
    const { id, violations } = mapped;
    return { kind: 'quarantined', id, violations: [...violations, ...(discarded ?? [])] };
  }
  const { row, lines } = mapped;
  if (discarded !== null)
    return { kind: 'quarantined', id: row[stream.columns[0]?.name ?? ''] ?? null, violations: discarded };
  return lines === undefined ? { kind: 'row', row } : { kind: 'row', row, lines };
}

/** What becomes of the shape of a batch's records, from before its first to after its last. */
export interface ShapeWatch {
  readonly known: KnownShape;
  readonly observer: ShapeObserver;
  /** Takes over what another observer has seen of the batch. */
  add(seen: SeenShape): void;
  /** To be called when all is staged, before the merge. ERR_SCHEMA_FROZEN when the table refuses the batch. */
  settle(): Promise<void>;
}

export async function watchShape(warehouse: Warehouse, table: TableSpec, load: LoadKey): Promise<ShapeWatch> {
  const known = await warehouse.knownShape(table, load);
  const observer = observeShapes(known);
  const sum = sumOfShapes();
  return {
    known,
    observer,
    add: sum.add,
    async settle() {
      sum.add(observer.seen());
      const seen = sum.seen();
      if (driftOf(known, seen).length > 0) await warehouse.settleShape(table, load, seen);
    },
  };
}

export function tableOf(stream: Stream, step: Pick<ExtractStep, 'target'>): TableSpec {
  const { columns, versionColumn, deletedColumn } = stream;
  return {
    ...step.target,
    columns,
    versionColumn,
    ...(deletedColumn === undefined ? {} : { deletedColumn }),
  };
}

/** A load in one generation, as rows name it in `_batch_id`. */
export function batchLabel(load: Pick<LoadKey, 'batchId' | 'generation'>): string {
  return `${load.batchId}.${load.generation}`;
}

export function loadKeyOf(batch: Batch, step: Pick<ExtractStep, 'landing' | 'watermark'>): LoadKey {
  return {
    batchId: batch.batch_id,
    generation: batch.generation,
    runId: batch.run_id,
    connection: batch.connection,
    stream: watermarkOf(step) ?? batch.stream,
    tenant: batch.tenant,
  };
}
