import { BatonError } from '../protocol/errors.js';

export type Path = readonly (string | number)[];

/** One thing that is wrong with the configuration, and where to mend it. Never holds a configured value. */
export interface Problem {
  /** Dotted path of the setting: `connections.coupa.baseUrl`. */
  readonly path: string;
  /** What is wrong, without naming the place: `must be one of a, b`. */
  readonly message: string;
  /** `baton.yaml:14:17`, or the environment variable that holds the value. */
  readonly where: string;
  /** Position in the file, 1-based; null for environment variables. */
  readonly position: { readonly line: number; readonly column: number } | null;
}

/** All problems of one load; the `cause` of its ERR_CONFIG_INVALID. */
export class ConfigProblems extends Error {
  override readonly name = 'ConfigProblems';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(`${problems.length} configuration problems`);
    this.problems = problems;
  }
}

/** The problems that an error of `loadConfig` carries; empty for any other error. */
export function configProblems(error: unknown): readonly Problem[] {
  return error instanceof BatonError && error.options.cause instanceof ConfigProblems
    ? error.options.cause.problems
    : [];
}

/** ERR_CONFIG_INVALID that names every problem with its place, in the order of the file. */
export function configInvalid(fileName: string, problems: readonly Problem[]): BatonError {
  const sorted = [...problems].sort(byPlace);
  const count = sorted.length === 1 ? 'a problem' : `${sorted.length} problems`;
  const lines = sorted.map((p) => `${p.where}  ${p.path === '' ? '' : `${p.path}: `}${p.message}`);
  const options = { where: sorted[0]?.where ?? fileName, cause: new ConfigProblems(sorted) };
  return new BatonError('ERR_CONFIG_INVALID', {
    detail: `The configuration has ${count}:\n${lines.map((line) => `  ${line}`).join('\n')}`,
    ...options,
  });
}

function byPlace(a: Problem, b: Problem): number {
  if (a.position === null || b.position === null) {
    return a.position === b.position ? a.where.localeCompare(b.where) : a.position === null ? 1 : -1;
  }
  return a.position.line - b.position.line || a.position.column - b.position.column;
}

export function dotted(path: Path): string {
  return path.join('.');
}
