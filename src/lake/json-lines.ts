import { isUtf8 } from 'node:buffer';
import { BatonError } from '../protocol/errors.js';
import { expanded } from './expanded.js';

/** A longer line is no record of anybody's. */
const longestLine = 16_777_216;
const newline = 0x0a;

export interface JsonLine {
  /** In the object, from 1. */
  readonly line: number;
  readonly raw: Buffer;
}

/**
 * The records of an object that others wrote: one JSON object a line, gzip-compressed or plain (which it is, its first
 * bytes tell). Empty lines are passed over. ERR_LAKE_OBJECT_UNREADABLE says in which line reading ended and why; an
 * object whose records are not JSON is no object of records at all, but a single bad one is for quarantine.
 */
export async function* jsonLines(where: string, bytes: AsyncIterable<Uint8Array>): AsyncIterable<JsonLine> {
  const unreadable = (what: string) =>
    new BatonError('ERR_LAKE_OBJECT_UNREADABLE', { detail: `${where} ${what}.` });
  let line = 0;
  let rest = Buffer.alloc(0);
  let isFirst = true;

  function* take(raw: Buffer): Generator<JsonLine> {
    line += 1;
    const text = raw.at(-1) === 0x0d ? raw.subarray(0, -1) : raw;
    if (text.every((byte) => byte === 0x20 || byte === 0x09)) return;
    if (!isUtf8(text)) throw unreadable(`is not UTF-8 text in line ${line}`);
    if (isFirst && !isJsonObject(text)) throw unreadable(`holds no JSON record in line ${line}, its first`);
    isFirst = false;
    yield { line, raw: text };
  }

  for await (const piece of expanded(bytes, unreadable)) {
    let start = 0;
    for (let end = piece.indexOf(newline); end !== -1; end = piece.indexOf(newline, start)) {
      const head = piece.subarray(start, end);
      yield* take(rest.length === 0 ? head : Buffer.concat([rest, head]));
      rest = Buffer.alloc(0);
      start = end + 1;
    }
    rest = Buffer.concat([rest, piece.subarray(start)]);
    if (rest.length > longestLine) throw unreadable(`has a line ${line + 1} of more than 16 MiB`);
  }
  if (rest.length === 0) return;
  // Without a line's end: the last record, or what a writer had not finished.
  if (!isJsonObject(rest)) throw unreadable(`is cut off in line ${line + 1}`);
  yield* take(rest);
}

function isJsonObject(text: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(text.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
