import { stringify } from 'yaml';
import type { Settings } from '../settings.js';
import { createStyle, type Style } from './style.js';
import { renderTable } from './table.js';

export interface Column<T> {
  readonly title: string;
  /** Complete, for pipes. */
  readonly value: (item: T) => string;
  /** Shorter or coloured, for terminals; the value when not given. */
  readonly show?: (item: T, style: Style) => string;
  /** Ids are shortened in their middle. */
  readonly id?: boolean;
}

export interface ListResult<T> {
  readonly kind: 'list';
  readonly items: readonly T[];
  readonly columns: readonly Column<T>[];
  /** What `--json` shows of an item; the item itself when not given. */
  readonly data?: (item: T) => unknown;
  /** For terminals, where a row is too long for a line of a table. */
  readonly text?: (style: Style) => string;
  /** Said on stderr of a terminal when there is nothing. */
  readonly empty: string;
  /** Where to go on, when there is more. */
  readonly next?: string | null;
}

export interface OneResult {
  readonly kind: 'one';
  readonly data: unknown;
  readonly text: (style: Style, columns: number) => string;
}

/** What a command gives back; how it is printed is decided here and nowhere else. */
export type CommandResult = ListResult<never> | OneResult;

/** Keeps the element type inside: columns and items of one list always fit each other. */
export function list<T>(result: Omit<ListResult<T>, 'kind'>): CommandResult {
  return { kind: 'list', ...result } as unknown as ListResult<never>;
}

export function one(data: unknown, text: OneResult['text']): CommandResult {
  return { kind: 'one', data, text };
}

/** The document on stdout, ending in a line break; empty when there is nothing to print. */
export function renderResult(result: CommandResult, settings: Settings, columns: number): string {
  const { output } = settings;
  if (output === 'json') return `${JSON.stringify(envelope(result))}\n`;
  if (output === 'yaml') return stringify(JSON.parse(JSON.stringify(dataOf(result))), { lineWidth: 0 });
  if (output === 'ndjson') return ndjson(result);
  if (output === 'tsv') return tsv(result);
  if (result.kind === 'one') return result.text(createStyle(settings.colorOut), columns);
  if (settings.tables && result.text !== undefined) return result.text(createStyle(settings.colorOut));
  if (settings.tables) return renderTable(result, createStyle(settings.colorOut), columns);
  return tsv(result);
}

function dataOf(result: CommandResult): unknown {
  if (result.kind === 'one') return result.data;
  const { data } = result;
  return data === undefined ? result.items : result.items.map((item) => data(item));
}

function envelope(result: CommandResult): unknown {
  const data = dataOf(result);
  const next = result.kind === 'list' ? (result.next ?? null) : null;
  return { v: 1, ok: true, data, page: { next }, warnings: [] };
}

function ndjson(result: CommandResult): string {
  const data = dataOf(result);
  const lines = result.kind === 'list' && Array.isArray(data) ? data : [data];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

function tsv(result: CommandResult): string {
  if (result.kind === 'list') {
    const header = result.columns.map((column) => column.title.toLowerCase().replaceAll(' ', '_'));
    const rows = result.items.map((item) => result.columns.map((column) => column.value(item)));
    return [header, ...rows].map(tsvLine).join('');
  }
  return flatten(JSON.parse(JSON.stringify(result.data)), '')
    .map(tsvLine)
    .join('');
}

function tsvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => cell.replace(/[\t\r\n]+/g, ' ')).join('\t')}\n`;
}

/** An object as lines of dotted key and value. */
function flatten(value: unknown, key: string): readonly (readonly [string, string])[] {
  if (value === null || typeof value !== 'object') return [[key, String(value ?? '')]];
  return Object.entries(value).flatMap(([name, item]) => flatten(item, key === '' ? name : `${key}.${name}`));
}
