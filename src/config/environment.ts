import { parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import { closest } from './closest.js';
import type { Tree } from './document.js';
import type { Path } from './problems.js';
import { type AnySchema, childOf, defOf, keysOf, unwrap } from './schema-path.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A value that an environment variable puts in the place of the file's. */
export interface Override {
  readonly variable: string;
  readonly path: Path;
  readonly value: unknown;
}

export interface OverrideProblem {
  readonly variable: string;
  readonly message: string;
}

/** Variables that begin like an override and are something else. */
const notSettings = /^BATON_(?:CONFIG|HOME|VERSION|PORTS__.+)$/;

/** `baseUrl` → `BASE_URL`, `po-data` → `PO_DATA`, `on_failure` → `ON_FAILURE`. */
export function toVariablePart(key: string): string {
  return key
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]/g, '_')
    .toUpperCase();
}

/** `connections.coupa.baseUrl` → `BATON_CONNECTIONS__COUPA__BASE_URL`. */
export function variableOf(path: Path): string {
  return `BATON_${path.map((key) => toVariablePart(String(key))).join('__')}`;
}

/**
 * The overrides that the environment holds, shallow ones first. An empty variable counts as not set. A variable
 * without `__` is an override only when it names a section exactly, because secrets may be called BATON_… too.
 */
export function readOverrides(
  environment: Environment,
  tree: Tree,
  schema: AnySchema,
  settingsOf: (connection: string) => AnySchema | null,
): { readonly overrides: readonly Override[]; readonly problems: readonly OverrideProblem[] } {
  const overrides: Override[] = [];
  const problems: OverrideProblem[] = [];
  for (const [variable, text] of Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (text === undefined || text === '' || !variable.startsWith('BATON_')) continue;
    if (notSettings.test(variable)) continue;
    const found = resolveVariable(variable, tree, schema, settingsOf);
    if (found === null) continue;
    if ('message' in found) problems.push({ variable, message: found.message });
    else overrides.push({ variable, path: found.path, value: readValue(text, found.schema) });
  }
  overrides.sort((a, b) => a.path.length - b.path.length);
  return { overrides, problems };
}

type Resolved =
  | { readonly path: Path; readonly schema: AnySchema | null }
  | { readonly message: string }
  | null;

function resolveVariable(
  variable: string,
  tree: Tree,
  schema: AnySchema,
  settingsOf: (connection: string) => AnySchema | null,
): Resolved {
  const parts = variable.slice('BATON_'.length).split('__');
  const path: (string | number)[] = [];
  let at: AnySchema | null = schema;
  let value: unknown = tree;
  for (const part of parts) {
    const key = matchKey(part, value, at);
    if (typeof key === 'object') {
      if (parts.length === 1) return null;
      return { message: key.message };
    }
    path.push(key);
    at =
      childOf(at, key) ?? (path[0] === 'connections' && path.length > 2 ? settingAt(path, settingsOf) : null);
    value = value !== null && typeof value === 'object' ? (value as Tree)[key] : undefined;
  }
  return { path, schema: at };
}

function settingAt(path: Path, settingsOf: (connection: string) => AnySchema | null): AnySchema | null {
  return path.slice(2).reduce<AnySchema | null>((at, key) => childOf(at, key), settingsOf(String(path[1])));
}

/** The key that a part of a variable's name stands for: one that is there, one of the schema, or a new one. */
function matchKey(
  part: string,
  value: unknown,
  schema: AnySchema | null,
): string | number | { message: string } {
  const type = schema === null ? 'unknown' : defOf(unwrap(schema)).type;
  if (type === 'array')
    return /^\d+$/.test(part) ? Number(part) : { message: 'names no element of the list' };
  const present = value !== null && typeof value === 'object' ? Object.keys(value) : [];
  const known = keysOf(schema);
  const matches = [...new Set([...present, ...known])].filter((key) => toVariablePart(key) === part);
  if (matches.length > 1) return { message: `could mean ${matches.join(' or ')}: set it in the file` };
  const only = matches[0];
  if (only !== undefined) return only;
  if (type === 'record') return part.toLowerCase();
  if (type === 'unknown' || isLoose(schema)) return camelCase(part);
  if (type !== 'object') return { message: 'goes deeper than the setting that it names' };
  const near = closest(part, known.map(toVariablePart));
  return { message: `names no setting${near === null ? '' : `; did you mean ${near} instead of ${part}?`}` };
}

function isLoose(schema: AnySchema | null): boolean {
  return schema !== null && 'catchall' in defOf(unwrap(schema)) && catchallType(unwrap(schema)) === 'unknown';
}

function catchallType(schema: AnySchema): string | undefined {
  return (schema._zod.def as unknown as { catchall?: AnySchema }).catchall?._zod.def.type;
}

function camelCase(part: string): string {
  return part.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The text itself where text is accepted, else what it says as YAML: `4001`, `true`, `null`, `[a, b]`. */
export function readValue(text: string, schema: AnySchema | null): unknown {
  if (schema === null) return text;
  if ((schema as z.ZodType).safeParse(text).success) return text;
  if (defOf(unwrap(schema)).type === 'array' && !text.trim().startsWith('[')) {
    return text.split(',').map((item) => item.trim());
  }
  try {
    return parseYaml(text, { prettyErrors: false }) as unknown;
  } catch {
    return text;
  }
}
