import type { Parameters, Stream } from '../connectors/port.js';
import type { KnownShape, SeenShape } from '../domain/shape.js';
import { splitLines } from '../lake/lines.js';
import type { StagedRecord, TableSpec } from './port.js';
import { copyText } from './postgres/copy-text.js';
import { observeShapes, type ShapeObserver } from './shape-observer.js';
import { toStaged } from './staged.js';

/** A block of landed lines on its way into staging. Plain data: it crosses to another thread. */
export interface EncodeJob {
  /** Type of the connector, and the name of its stream: where the mapper is found. */
  readonly connector: string;
  readonly stream: string;
  readonly table: TableSpec;
  readonly parameters: Parameters;
  readonly shape: KnownShape;
  readonly part: number;
  /** Number of the first line within the part. */
  readonly first: number;
  readonly count: number;
  readonly lines: Uint8Array;
}

/** What staging takes of a block. */
export interface EncodedLines {
  /** Rows as the warehouse copies them in. */
  readonly text: Uint8Array;
  /** What the block's records look like. */
  readonly seen: SeenShape;
}

/** Maps, validates and writes landed lines as staging takes them. Pure work, done beside the thread that asks. */
export interface Encoder {
  /** `stream` is the job's own. Errors: ERR_INTERNAL (retry) when the thread has ended under it. */
  encode(stream: Stream, job: EncodeJob): Promise<EncodedLines>;
  /** Gives an answer's memory back for another one: its text is not to be read any more. */
  release(encoded: EncodedLines): void;
  close(): Promise<void>;
}

/**
 * A row is written before the next line is parsed, so that what one line needs is gone with it. The text is written
 * into `room` where there is enough of it.
 */
export function encodeLines(stream: Stream, job: EncodeJob, room?: ArrayBuffer): EncodedLines {
  const observer = observeShapes(job.shape);
  const text = copyText(job.table, mapped(stream, job, observer), { recordBytes: job.lines.length, room });
  return { text, seen: observer.seen() };
}

/** The records of a block once more, for who has to look at each of them. */
export function recordsOf(stream: Stream, job: EncodeJob): StagedRecord[] {
  return [...mapped(stream, job, observeShapes(job.shape))];
}

function* mapped(stream: Stream, job: EncodeJob, observer: ShapeObserver): Generator<StagedRecord> {
  const { buffer, byteOffset, byteLength } = job.lines;
  const lines = splitLines(Buffer.from(buffer, byteOffset, byteLength));
  for (const [index, raw] of lines.entries())
    yield toStaged(stream, raw, job.part, job.first + index, job.parameters, observer);
}
