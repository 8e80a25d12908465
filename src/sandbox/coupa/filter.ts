import type { CoupaRecord } from '../seed/suppliers.js';
import { isObject } from '../wire.js';
import type { Collection } from './collection.js';

const operators = [
  'eq',
  'contains',
  'starts_with',
  'ends_with',
  'gt',
  'lt',
  'gt_or_eq',
  'lt_or_eq',
  'not_eq',
  'in',
  'not_in',
  'blank',
] as const;
type Operator = (typeof operators)[number];

export interface Filter {
  /** In dashes: `['order-lines', 'account', 'code']`. */
  readonly path: readonly string[];
  readonly operator: Operator;
  readonly value: string;
}

/** A filter that the instance does not accept; `message` is for its 400. */
export class FilterRefused extends Error {}

const notForDates: readonly Operator[] = ['contains', 'starts_with', 'ends_with', 'blank'];

function isDatePath(path: readonly string[]): boolean {
  return /-(at|date)$/.test(path.at(-1) ?? '');
}

/** ISO 8601; a date without a zone means UTC. NaN when it is no date. */
function parseDate(text: string): number {
  const zoned = /(Z|[+-]\d\d:?\d\d)$/.test(text) || /^\d{4}-\d\d-\d\d$/.test(text);
  return Date.parse(zoned ? text : `${text}Z`);
}

/** Reads `order-lines[account][code][in]` and `=value`. */
export function parseFilter(key: string, value: string): Filter {
  const parts = key
    .replaceAll(']', '')
    .split('[')
    .map((part) => part.trim());
  const last = parts.at(-1) ?? '';
  const operator =
    parts.length > 1 ? operators.find((known) => known === last.replaceAll('-', '_')) : undefined;
  const path = (operator === undefined ? parts : parts.slice(0, -1)).map((part) => part.replaceAll('_', '-'));
  const filter: Filter = { path, operator: operator ?? 'eq', value };
  if (!isDatePath(path)) return filter;
  if (notForDates.includes(filter.operator))
    throw new FilterRefused(`${filter.operator} is not for dates: ${key}`);
  if (filter.value.split(',').some((text) => Number.isNaN(parseDate(text)))) {
    throw new FilterRefused(`Invalid date for ${key}: ${value}`);
  }
  return filter;
}

function order(left: string | number, right: string | number): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function comparison(left: string | number, right: string | number, operator: Operator): boolean {
  if (operator === 'gt') return order(left, right) > 0;
  if (operator === 'lt') return order(left, right) < 0;
  if (operator === 'gt_or_eq') return order(left, right) >= 0;
  if (operator === 'lt_or_eq') return order(left, right) <= 0;
  return order(left, right) === 0;
}

type Test = (value: string | number | null) => boolean;

/** The right-hand side as the left-hand side's kind: time, number where both are, else text. */
function comparer(filter: Filter, wanted: string): Test {
  const date = isDatePath(filter.path);
  const number = wanted.trim() === '' ? Number.NaN : Number(wanted);
  return (value) => {
    if (value === null) return false;
    if (date)
      return comparison(
        typeof value === 'number' ? value : parseDate(value),
        parseDate(wanted),
        filter.operator,
      );
    const left = value === '' ? Number.NaN : Number(value);
    const numeric = !Number.isNaN(number) && !Number.isNaN(left);
    return numeric
      ? comparison(left, number, filter.operator)
      : comparison(String(value), wanted, filter.operator);
  };
}

function among(filter: Filter): Test {
  const tests = filter.value.split(',').map((one) => comparer({ ...filter, operator: 'eq' }, one.trim()));
  return (value) => tests.some((test) => test(value));
}

function testOf(filter: Filter): Test {
  const { operator, value: wanted } = filter;
  if (operator === 'blank') return (value) => (value === null || value === '') === (wanted !== 'false');
  if (operator === 'in') return among(filter);
  if (operator === 'not_in') return (value) => !among(filter)(value);
  if (operator === 'not_eq') return (value) => !comparer({ ...filter, operator: 'eq' }, wanted)(value);
  const text = wanted.toLowerCase();
  if (operator === 'contains')
    return (value) =>
      String(value ?? '')
        .toLowerCase()
        .includes(text);
  if (operator === 'starts_with')
    return (value) =>
      String(value ?? '')
        .toLowerCase()
        .startsWith(text);
  if (operator === 'ends_with')
    return (value) =>
      String(value ?? '')
        .toLowerCase()
        .endsWith(text);
  return comparer(filter, wanted);
}

/** Every value at the path; a list is looked through. Missing counts as null. */
function valuesAt(value: unknown, path: readonly string[]): readonly (string | number | null)[] {
  if (Array.isArray(value)) return value.flatMap((one: unknown) => valuesAt(one, path));
  const [first, ...rest] = path;
  if (first !== undefined) return isObject(value) ? valuesAt(value[first], rest) : [null];
  if (typeof value === 'string' || typeof value === 'number') return [value];
  return [typeof value === 'boolean' ? String(value) : null];
}

/** A filter as a test of a position: from the columns where they hold the value, else from the record itself. */
export function positionTest(filter: Filter, collection: Collection): (position: number) => boolean {
  const test = testOf(filter);
  const name = filter.path.join('.');
  if (name === 'id') return (at) => test(collection.ids[at] ?? null);
  if (name === 'updated-at') return (at) => test(collection.updated[at] ?? null);
  if (name === 'created-at') return (at) => test(collection.created[at] ?? null);
  if (name === 'status') return (at) => test(collection.status[at] ?? null);
  if (name === 'supplier.id') return (at) => test(collection.supplier[at] ?? null);
  if (name === 'exported') return (at) => test(String(collection.isExported(at)));
  return (at) => recordTest(filter, test, collection.record(at));
}

function recordTest(filter: Filter, test: Test, record: CoupaRecord): boolean {
  const values = valuesAt(record, filter.path);
  const negative = filter.operator === 'not_eq' || filter.operator === 'not_in';
  return negative ? values.every(test) : values.some(test);
}
