import type { z } from 'zod';
import type { Path } from './problems.js';

/** Walking a zod schema by the path of a value: for overrides, suggestions and the reference page. */

export type AnySchema = z.core.$ZodType;

interface Def {
  readonly type: string;
  readonly innerType?: AnySchema;
  readonly in?: AnySchema;
  readonly shape?: Readonly<Record<string, AnySchema>>;
  readonly valueType?: AnySchema;
  readonly element?: AnySchema;
}

const wrappers = new Set(['optional', 'nullable', 'default', 'prefault', 'readonly', 'nonoptional', 'catch']);

export function defOf(schema: AnySchema): Def {
  return schema._zod.def as unknown as Def;
}

/** The schema without defaults, optionality and transformations: what is written in the file. */
export function unwrap(schema: AnySchema): AnySchema {
  const def = defOf(schema);
  if (wrappers.has(def.type) && def.innerType !== undefined) return unwrap(def.innerType);
  if (def.type === 'pipe' && def.in !== undefined) return unwrap(def.in);
  return schema;
}

/** Fixed keys of the object that the schema describes; empty for anything else. */
export function keysOf(schema: AnySchema | null): readonly string[] {
  return schema === null ? [] : Object.keys(defOf(unwrap(schema)).shape ?? {});
}

/** Schema of the value under a key or index; null when the schema does not say. */
export function childOf(schema: AnySchema | null, key: string | number): AnySchema | null {
  if (schema === null) return null;
  const def = defOf(unwrap(schema));
  if (def.type === 'object') return def.shape?.[String(key)] ?? null;
  if (def.type === 'record') return def.valueType ?? null;
  if (def.type === 'array') return def.element ?? null;
  return null;
}

export function schemaAt(schema: AnySchema | null, path: Path): AnySchema | null {
  return path.reduce<AnySchema | null>((at, key) => childOf(at, key), schema);
}
