import type { FieldType } from '../../../domain/shape.js';
import type { TableSpec } from '../../port.js';
import { identifier } from '../names.js';

/** A column that was added for a field of the vendor's records; its value is taken from `raw` when a row is merged. */
export interface AddedColumn {
  readonly name: string;
  readonly key: string;
  readonly type: FieldType;
}

/** A table as it is at the time of a merge. */
export interface MergedSpec extends TableSpec {
  readonly added?: readonly AddedColumn[];
}

export const columnTypes: Readonly<Record<FieldType, string>> = {
  boolean: 'boolean',
  integer: 'bigint',
  numeric: 'numeric',
  text: 'text',
  json: 'json',
};

/** The column's value of the record in `raw`, as SQL: null where it is absent or of another type; never an error. */
export function addedValue({ key, type }: Pick<AddedColumn, 'key' | 'type'>, raw: string): string {
  return `raw._baton_value(${raw}, ${literal(key)}, '${type}')::${columnTypes[type]}`;
}

export function addedValues(
  columns: readonly AddedColumn[] = [],
  raw = 'w.raw',
): (readonly [string, string])[] {
  return columns.map((column) => [identifier(column.name), addedValue(column, raw)] as const);
}

/**
 * A vendor's word as a literal: a name of a field is no identifier and may hold anything but NUL. Question marks and
 * colons, which the driver takes for bindings, are written as escapes.
 */
export function literal(text: string): string {
  const escaped = text.replace(
    /[^A-Za-z0-9 _.-]/gu,
    (c) => `\\U${(c.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`,
  );
  return `E'${escaped}'`;
}

/**
 * `_baton_value` is total. Where a record holds an escape, it may be one that the server cannot turn into text (NUL, half
 * of a surrogate pair): then those are read as U+FFFD, in this slower way only. A question mark that the driver must not
 * take for a binding has a backslash before it.
 */
export const valueFunctions = `
CREATE OR REPLACE FUNCTION raw._baton_plain_value(record json, field text, kind text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  found json := record -> field;
  shape text := json_typeof(found);
  plain text := found #>> '{}';
BEGIN
  IF plain IS NULL THEN RETURN NULL; END IF;
  IF kind = 'json' THEN RETURN found::text; END IF;
  IF shape IN ('object', 'array') THEN RETURN NULL; END IF;
  IF kind = 'text' THEN RETURN plain; END IF;
  IF kind = 'boolean' THEN RETURN CASE WHEN shape = 'boolean' THEN plain END; END IF;
  IF shape <> 'number' OR plain !~ '^-{0,1}[0-9]{1,200}([.][0-9]{1,200}){0,1}([eE][+-]{0,1}[0-9]{1,3}){0,1}$' THEN RETURN NULL; END IF;
  IF kind = 'numeric' OR plain ~ '^-{0,1}[0-9]{1,18}$' THEN RETURN plain; END IF;
  RETURN CASE WHEN abs(plain::numeric) < 1e18 AND plain::numeric = trunc(plain::numeric) THEN trunc(plain::numeric)::text END;
END $$;

CREATE OR REPLACE FUNCTION raw._baton_value(record json, field text, kind text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF record IS NULL OR position('\\u' IN record::text) = 0 THEN RETURN raw._baton_plain_value(record, field, kind); END IF;
  BEGIN
    RETURN raw._baton_plain_value(record, field, kind);
  EXCEPTION WHEN data_exception OR feature_not_supported THEN
    BEGIN
      RETURN raw._baton_plain_value(
        regexp_replace(record::text, '(\\?<!\\\\)((\\?:\\\\\\\\)*)\\\\u(\\?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\1\\\\ufffd', 'g')::json, field, kind);
    EXCEPTION WHEN data_exception OR feature_not_supported THEN RETURN NULL;
    END;
  END;
END $$;
`;
