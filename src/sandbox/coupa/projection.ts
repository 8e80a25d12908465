import type { CoupaRecord } from '../seed/suppliers.js';
import { isObject } from '../wire.js';
import { FilterRefused } from './filter.js';

/** `["id", {"supplier": ["id", "name"]}]`. */
export type Fields = readonly (string | Readonly<Record<string, Fields>>)[];

function isFields(value: unknown): value is Fields {
  if (!Array.isArray(value)) return false;
  return value.every(
    (one: unknown) => typeof one === 'string' || (isObject(one) && Object.values(one).every(isFields)),
  );
}

/** Reads the `fields` parameter; null when there is none. */
export function parseFields(text: string | null): Fields | null {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (isFields(value)) return value;
  } catch {
    // answered below, like any other wrong shape
  }
  throw new FilterRefused(`Invalid fields parameter: ${text}`);
}

/** The record cut down to the fields asked for; unknown fields are left out. */
export function project(record: CoupaRecord, fields: Fields): CoupaRecord {
  const cut: CoupaRecord = {};
  for (const field of fields) {
    const wanted = typeof field === 'string' ? ([[field, null]] as const) : Object.entries(field);
    for (const [name, nested] of wanted) {
      const key = name.replaceAll('_', '-');
      if (key in record) cut[key] = nested === null ? record[key] : projectValue(record[key], nested);
    }
  }
  return cut;
}

function projectValue(value: unknown, fields: Fields): unknown {
  if (Array.isArray(value)) return value.map((one: unknown) => projectValue(one, fields));
  return isObject(value) ? project(value, fields) : value;
}

/** `return_object=limited`: the id alone; `shallow`: nested objects as their ids. */
export function reduce(record: CoupaRecord, form: string | null): CoupaRecord {
  if (form === 'limited') return { id: record['id'] };
  if (form !== 'shallow') return record;
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, shallow(value)]));
}

function shallow(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shallow);
  return isObject(value) && 'id' in value ? { id: value['id'] } : value;
}
