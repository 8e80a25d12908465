import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import type { Row } from '../../domain/columns.js';
import { orderLineColumns } from '../../domain/purchase-order.js';
import type { StagedRecord, TableSpec } from '../port.js';

/** What a staging table has behind the columns of its stream. */
export const stagingColumns = [
  'raw',
  '_part',
  '_line',
  '_row_hash',
  '_verdict',
  '_record_id',
  '_violations',
  '_bad',
] as const;

/** The columns of a staging table, in the order in which COPY brings them. */
export function columnsOf(spec: TableSpec): readonly string[] {
  const lines = spec.orders === undefined ? [] : ['lines'];
  return [...spec.columns.map(({ name }) => name), ...lines, ...stagingColumns];
}

/** Room for the place, the hash and the verdict of a row. */
const tailBytes = 128;
/** Room beside the records: their columns take about half as much again. */
const spareShare = 0.5;
const spareBytes = 4_096;
const tab = 0x09;
const carriageReturn = 0x0d;
const newline = 0x0a;
const backslash = 0x5c;

/**
 * Records in COPY's text format (https://www.postgresql.org/docs/current/sql-copy.html), in memory of its own. A
 * record's bytes are copied as they are wherever nothing in them has to be escaped.
 */
export function copyText(
  spec: TableSpec,
  records: Iterable<StagedRecord>,
  { recordBytes = 0, room }: { readonly recordBytes?: number; readonly room?: ArrayBuffer | undefined } = {},
): Uint8Array {
  const likely = Math.ceil(recordBytes * (1 + spareShare)) + spareBytes;
  let rows: Buffer =
    room !== undefined && room.byteLength >= likely ? Buffer.from(room) : Buffer.allocUnsafeSlow(likely);
  let at = 0;
  for (const record of records) {
    const row = record.verdict.kind === 'row' ? rowText(spec, record.verdict) : null;
    const text = row ?? otherText(spec, record);
    const raw = row === null ? null : escapedRaw(record.raw);
    // A character of a string takes at most three bytes.
    const needed = at + text.length * 3 + (raw?.length ?? 0) + tailBytes;
    if (needed > rows.length) rows = grown(rows, at, needed);
    const start = at;
    at += rows.write(text, at);
    if (raw === null) continue;
    at += raw.copy(rows, at);
    // With another reporting currency it is another row. The salt's bytes are overwritten at once.
    const salted = at + rows.write(spec.orders?.reportingCurrency ?? '', at, 'latin1');
    const rowHash = hashOf(rows.subarray(start, salted));
    at += rows.write(`\t${record.part}\t${record.line}\t${rowHash}\trow\t\\N\t\\N\t\\N\n`, at, 'latin1');
  }
  return rows.subarray(0, at);
}

function grown(rows: Buffer, used: number, needed: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.ceil(rows.length * 1.5)));
  rows.copy(larger, 0, 0, used);
  return larger;
}

interface RowVerdict {
  readonly row: Row;
  readonly lines?: readonly Row[];
}

/** The stream's columns, and an order's lines, each followed by a tab; null when a text holds a NUL character. */
function rowText(spec: TableSpec, verdict: RowVerdict): string | null {
  // One look at all values together: nearly no record holds anything that has to be escaped.
  let values = '';
  let text = '';
  for (const { name } of spec.columns) {
    const value = verdict.row[name] ?? null;
    text += value === null ? '\\N\t' : `${value}\t`;
    if (value !== null) values += value;
  }
  if (spec.orders !== undefined) {
    text += '{';
    let comma = '';
    for (const line of verdict.lines ?? []) {
      text += `${comma}"(`;
      comma = ',';
      for (const { name, type } of orderLineColumns) {
        const value = line[name] ?? null;
        if (value === null) text += ',';
        else {
          text += type === 'text' || type === 'json' ? `${quotedMember(value)},` : `${value},`;
          values += value;
        }
      }
      text = `${text.slice(0, -1)})"`;
    }
    text += '}\t';
  }
  if (!special.test(values)) return text;
  return values.includes('\0') ? null : escapedRowText(spec, verdict);
}

const special = /[\\\n\r\t\0]/;

function escapedRowText(spec: TableSpec, { row, lines = [] }: RowVerdict): string {
  let text = '';
  for (const { name } of spec.columns) text += `${field(row[name] ?? null)}\t`;
  if (spec.orders === undefined) return text;
  const elements = lines.map(
    (line) => `"(${orderLineColumns.map(({ name }) => member(line[name] ?? null)).join(',')})"`,
  );
  return `${text}{${elements.join(',')}}\t`;
}

/**
 * A member of a composite value in an array, in COPY's text: its quotes and backslashes are doubled in the composite
 * (https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX), escaped in the array around it
 * (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO), and their backslashes once more for COPY.
 */
function member(value: string | null): string {
  if (value === null) return '';
  return quoted + value.replace(/["\\\n\r\t]/g, (c) => inMember[c] ?? c) + quoted;
}

/** The same for a value without backslashes and control characters. */
function quotedMember(value: string): string {
  return quoted + (value.includes('"') ? value.replaceAll('"', quoted + quoted) : value) + quoted;
}

const quoted = '\\\\"';
const inMember: Readonly<Record<string, string>> = {
  '"': quoted + quoted,
  '\\': '\\'.repeat(8),
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** A record that is not loaded: counted, and quarantined with its bytes as far as a table can hold them. */
function otherText(spec: TableSpec, record: StagedRecord): string {
  const { verdict } = record;
  const empty = '\\N\t'.repeat(columnsOf(spec).length - stagingColumns.length + 1);
  const place = `${record.part}\t${record.line}\t\\N`;
  if (verdict.kind === 'filtered') return `${empty}${place}\tfiltered\t\\N\t\\N\t\\N\n`;
  const violations = verdict.kind === 'quarantined' ? verdict.violations : [nulViolation];
  const id = verdict.kind === 'quarantined' ? verdict.id : null;
  const words = JSON.stringify(violations).replaceAll('\\u0000', '\\ufffd');
  const bad = record.raw.toString('utf8').replaceAll('\0', '\uFFFD');
  return `${empty}${place}\tquarantined\t${field(id)}\t${field(words)}\t${field(bad)}\n`;
}

const nulViolation = {
  rule: 'nul_character',
  path: '',
  reason: 'A text holds a NUL character, which no table can store.',
  value: null,
};

/** The record's bytes, escaped where needed; what is not UTF-8 shows as U+FFFD. */
function escapedRaw(raw: Buffer): Buffer {
  const plain =
    raw.indexOf(backslash) === -1 &&
    raw.indexOf(tab) === -1 &&
    raw.indexOf(carriageReturn) === -1 &&
    raw.indexOf(newline) === -1 &&
    isUtf8(raw);
  return plain ? raw : Buffer.from(field(raw.toString('utf8')));
}

/** 132 bits of SHA-1 over the row's columns and its bytes: enough to tell versions apart, and no secret. */
function hashOf(row: Buffer): string {
  return hash('sha1', row, 'base64url').slice(0, 22);
}

/** COPY's text format: tab, line feed, carriage return and backslash are escaped; \N is null. */
function field(value: string | null): string {
  if (value === null) return '\\N';
  return /[\\\n\r\t]/.test(value) ? value.replace(/[\\\n\r\t]/g, (c) => escapes[c] ?? c) : value;
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
