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
    return within(eitherOf(choices.map((choice) => settingPaths(choice, path))));
  return [{ path: path.join('.'), isOptional }];
}

/** What all choices need is needed; of what only some need, one of these groups. */
function eitherOf(choices: readonly (readonly SettingPath[])[]): readonly SettingPath[] {
  const needed = choices.map((found) => found.filter((one) => !one.isOptional).map(({ path }) => path));
  const common = (needed[0] ?? []).filter((path) => needed.every((paths) => paths.includes(path)));
  const groups = needed.map((paths) => paths.filter((path) => !common.includes(path)));
  const isChoice = groups.every((group) => group.length > 0);
  const either = isChoice ? [groups.map((group) => group.join(' and ')).join(' or ')] : [];
  const optional = choices.flat().map(({ path }) => path);
  const known = new Set([...common, ...(isChoice ? groups.flat() : [])]);
  return [
    ...[...common, ...either].map((path) => ({ path, isOptional: false })),
    ...[...new Set(optional)].filter((path) => !known.has(path)).map((path) => ({ path, isOptional: true })),
  ];
}
