import type { z } from 'zod';
import { type AnySchema, defOf, unwrap } from '../config/schema-path.js';

/** A setting by its path in baton.yaml, below the connection. */
export interface SettingPath {
  readonly path: string;
  readonly isOptional: boolean;
}

/** Every setting of a connector's schema, nested ones by their whole path. */
export function settingPaths(schema: AnySchema, path: readonly string[] = []): readonly SettingPath[] {
  const inner = defOf(unwrap(schema));
  const isOptional = (schema as z.ZodType).safeParse(undefined).success;
  const within = (found: readonly SettingPath[]) =>
    isOptional ? found.map((one) => ({ ...one, isOptional })) : found;
  if (inner.type === 'object')
    return within(
      Object.entries(inner.shape ?? {}).flatMap(([key, child]) => settingPaths(child, [...path, key])),
    );
  const choices = (inner as { readonly options?: readonly AnySchema[] }).options;
  if (inner.type === 'union' && choices?.some((choice) => defOf(unwrap(choice)).type === 'object'))
    return within(distinct(choices.flatMap((choice) => settingPaths(choice, path))));
  return [{ path: path.join('.'), isOptional }];
}

function distinct(found: readonly SettingPath[]): readonly SettingPath[] {
  return [...new Map(found.map((one) => [one.path, one])).values()];
}
