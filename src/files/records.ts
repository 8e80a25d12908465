import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { expanded } from '../lake/expanded.js';
import { jsonLines } from '../lake/json-lines.js';
import { BatonError } from '../protocol/errors.js';
import type { FileFormat } from './format.js';
import { createJsonValues } from './json-values.js';

/** A record of a file as one line of JSON; of a table also its cells. */
export interface FileRecord {
  readonly raw: Buffer;
  readonly cells?: readonly string[];
}

export interface FileContent {
  /** Names of a table's columns; null until its first line was read, and of what is no table. */
  readonly header: readonly string[] | null;
  readonly records: AsyncIterable<FileRecord>;
}

interface Source {
  readonly format: FileFormat;
  /** As people find it. */
  readonly where: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly delimiter: string;
  /** The member in which a reader says that a record is none. */
  readonly malformed: string;
}

/** A line of a table that is longer is none. */
const longestRow = 16_777_216;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * The records of a file, one after another, in flat memory; gzip-compressed or plain. ERR_FILE_UNREADABLE says where
 * reading ended and why; a single bad record is given on as it is, for quarantine.
 */
export function readRecords(source: Source): FileContent {
  if (source.format === 'csv') return tableOf(source);
  return { header: null, records: source.format === 'json' ? valuesOf(source) : linesOf(source) };
}

async function* valuesOf({ where, bytes }: Source): AsyncIterable<FileRecord> {
  const values = createJsonValues(where);
  let records = 0;
  for await (const piece of withoutMark(expanded(bytes, unreadable(where))))
    for (const raw of values.push(piece)) {
      records += 1;
      if (!isUtf8(raw)) throw unreadable(where)(`is not UTF-8 text in record ${records}`);
      yield { raw };
    }
  values.end();
}

async function* linesOf({ where, bytes }: Source): AsyncIterable<FileRecord> {
  try {
    for await (const { raw } of jsonLines(where, withoutMark(bytes))) yield { raw };
  } catch (error) {
    if (!(error instanceof BatonError) || error.error !== 'ERR_LAKE_OBJECT_UNREADABLE') throw error;
    throw new BatonError('ERR_FILE_UNREADABLE', { detail: error.message });
  }
}

function tableOf({ where, bytes, delimiter, malformed }: Source): FileContent {
  let header: readonly string[] | null = null;
  async function* rows(): AsyncIterable<FileRecord> {
    const source = Readable.from(withoutMark(expanded(bytes, unreadable(where))), { objectMode: false });
    const parser = parse({
      delimiter,
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: longestRow,
    });
    source.on('error', (error) => parser.destroy(error)).pipe(parser);
    try {
      for await (const cells of parser as AsyncIterable<string[]>)
        if (header === null) header = headerOf(where, cells);
        else yield recordOf(header, cells, malformed);
    } catch (error) {
      if (!(error instanceof CsvError)) throw error;
      throw unreadable(where)(`is no table: ${error.message}`);
    } finally {
      source.destroy();
    }
  }
  return {
    get header() {
      return header;
    },
    records: rows(),
  };
}

/** A table whose columns have no names of their own cannot be read by name. */
function headerOf(where: string, cells: readonly string[]): readonly string[] {
  const names = cells.map((cell) => cell.trim());
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw unreadable(where)(`names the column "${twice}" twice`);
  if (names.includes('')) throw unreadable(where)('has a column without a name');
  return names;
}

function recordOf(names: readonly string[], cells: readonly string[], malformed: string): FileRecord {
  const raw =
    cells.length === names.length
      ? Object.fromEntries(names.map((name, at) => [name, cells[at]]))
      : { [malformed]: `has ${cells.length} values where the header names ${names.length}`, values: cells };
  return { raw: Buffer.from(JSON.stringify(raw)), cells };
}

async function* withoutMark(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Buffer> {
  let isFirst = true;
  for await (const given of bytes) {
    const piece = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
    yield isFirst && piece.subarray(0, 3).equals(byteOrderMark) ? piece.subarray(3) : piece;
    isFirst = false;
  }
}

function unreadable(where: string) {
  return (what: string) => new BatonError('ERR_FILE_UNREADABLE', { detail: `${where} ${what}.` });
}
