import type { Tree } from './document.js';
import type { Override } from './environment.js';
import { dotted, type Path } from './problems.js';
import { type AnySchema, childOf, keysOf } from './schema-path.js';
import type { Origin } from './types.js';

/** The origin of every setting, by its dotted path as written in the file. */
export function describeOrigins(
  schema: AnySchema,
  tree: Tree,
  fileTree: Tree,
  overrides: readonly Override[],
  moved: readonly Path[],
): Readonly<Record<string, Origin>> {
  const movedPaths = new Set(moved.map(dotted));
  const origins: Record<string, Origin> = {};
  const originOf = (path: Path): Origin => {
    if (overrides.some((override) => isPrefix(override.path, path))) return 'env';
    if (movedPaths.has(dotted(path))) return 'local';
    return has(fileTree, path) ? 'file' : 'default';
  };
  const visit = (at: AnySchema | null, value: unknown, path: Path): void => {
    const keys = new Set([...keysOf(at), ...Object.keys(isTree(value) ? value : {})]);
    if (keys.size === 0 || (value !== undefined && !isTree(value))) {
      origins[dotted(path)] = originOf(path);
      return;
    }
    for (const key of keys) visit(childOf(at, key), isTree(value) ? value[key] : undefined, [...path, key]);
  };
  visit(schema, tree, []);
  return origins;
}

function isPrefix(prefix: Path, path: Path): boolean {
  return prefix.length <= path.length && prefix.every((key, index) => String(key) === String(path[index]));
}

function has(tree: Tree, path: Path): boolean {
  let at: unknown = tree;
  for (const key of path) {
    if (!isTree(at) || !(key in at)) return false;
    at = at[String(key)];
  }
  return true;
}

function isTree(value: unknown): value is Tree {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
