import type { z } from 'zod';
import { closest } from './closest.js';
import type { Path } from './problems.js';
import { type AnySchema, keysOf, schemaAt } from './schema-path.js';

export interface IssueProblem {
  readonly path: Path;
  readonly message: string;
  /** `key`: the key itself is wrong. `missing`: it is not there. */
  readonly about: 'key' | 'value' | 'missing';
}

const kinds: Readonly<Record<string, string>> = {
  object: 'a section with keys',
  record: 'a section with keys',
  array: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

/** zod's issues in our words; the values themselves are never repeated. */
export function describeIssues(
  error: z.core.$ZodError,
  schema: AnySchema,
  tree: unknown,
): readonly IssueProblem[] {
  return error.issues.flatMap((issue) => describeIssue(issue, schema, tree));
}

function describeIssue(issue: z.core.$ZodIssue, schema: AnySchema, tree: unknown): readonly IssueProblem[] {
  const path = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(schemaAt(schema, path));
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, known), about: 'key' }));
  }
  if (issue.code === 'invalid_key') {
    return [{ path, message: issue.issues[0]?.message ?? 'is not an accepted name', about: 'key' }];
  }
  if (valueAt(tree, path) === undefined) return [{ path, message: 'is required', about: 'missing' }];
  return [{ path, message: message(issue), about: 'value' }];
}

function message(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    return `must be ${kinds[issue.expected] ?? issue.expected}`;
  }
  if (issue.code === 'invalid_value' && issue.message.startsWith('Invalid')) {
    return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
  }
  if (issue.code === 'too_small' && issue.message.startsWith('Too'))
    return `must be at least ${issue.minimum}`;
  if (issue.code === 'too_big' && issue.message.startsWith('Too')) return `must be at most ${issue.maximum}`;
  return issue.message;
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = closest(key, known);
  if (near !== null) return `is not a setting; did you mean "${near}"?`;
  return known.length === 0 ? 'is not a setting' : `is not a setting here; there are ${known.join(', ')}`;
}

function valueAt(tree: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      at !== null && typeof at === 'object' ? (at as Record<string | number, unknown>)[key] : undefined,
    tree,
  );
}
