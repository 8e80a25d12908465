import path from 'node:path';
import type { Connector } from '../connectors/port.js';
import { connectionIssues, settingsSchemaOf } from './connection.js';
import { type ParsedDocument, parseConfigDocument, type Tree } from './document.js';
import { type Environment, type Override, type OverrideProblem, readOverrides } from './environment.js';
import { describeIssues, type IssueProblem } from './issues.js';
import { moveLocalPorts, readPortMoves } from './local-stack.js';
import { type ConfigPlace, locateConfig, placedPath, readConfigFile } from './locate.js';
import { describeOrigins } from './origins.js';
import { configInvalid, dotted, type Path, type Problem } from './problems.js';
import { danglingReferences, plainSecrets } from './references.js';
import { configSchema } from './schema/index.js';
import { rememberEnvironment } from './secrets.js';
import { readStandardVariables, withoutPassword } from './standard-variables.js';
import { streamIssues } from './stream-issues.js';
import type { BatonConfig } from './types.js';

export interface LoadOptions {
  /** Where to look for baton.yaml; the working directory when not given. */
  readonly cwd?: string;
  /** Instead of the process's environment. */
  readonly env?: Environment;
  /** When given, the settings of each connection are validated with its connector's own schema. */
  readonly connectors?: Readonly<Record<string, Connector>>;
}

/**
 * The whole configuration: environment over file over defaults, validated. Throws ERR_CONFIG_MISSING when
 * there is no file, and ERR_CONFIG_INVALID naming every problem with its place (see `configProblems`).
 */
export function loadConfig(options: LoadOptions = {}): BatonConfig {
  const environment = options.env ?? process.env;
  const place = locateConfig(options.cwd ?? process.cwd(), environment);
  const fileName = path.basename(place.file);
  const document = parseConfigDocument(readConfigFile(place.file), fileName);
  if (document.problems.length > 0) throw configInvalid(fileName, document.problems);
  const fileTree = structuredClone(document.tree);
  const { overrides, problems } = collectOverrides(environment, document.tree, options.connectors ?? null);
  const tree = document.tree;
  for (const override of overrides) assign(tree, override.path, override.value);
  const issues = validate(tree, options.connectors ?? null);
  const all = [
    ...problems.map(({ variable, message }) => fromVariable(variable, '', message)),
    ...issues.map((issue) => placeOf(issue, overrides, document, fileName)),
  ];
  if (all.length > 0) throw configInvalid(fileName, withoutRepetition(all));
  return assemble(place, tree, fileTree, overrides, environment);
}

function collectOverrides(
  environment: Environment,
  tree: Tree,
  connectors: Readonly<Record<string, Connector>> | null,
): { overrides: readonly Override[]; problems: readonly OverrideProblem[] } {
  const standard = readStandardVariables(environment);
  const own = readOverrides(environment, tree, configSchema, (connection) =>
    settingsSchemaOf(connection, tree, connectors),
  );
  return {
    overrides: [...standard.overrides, ...own.overrides].flatMap(withoutPassword),
    problems: [...standard.problems, ...own.problems],
  };
}

/** Sets a value in the tree, making the sections on the way; a scalar in the way is replaced. */
function assign(tree: Tree, path: Path, value: unknown): void {
  let at: Record<string | number, unknown> = tree;
  for (const key of path.slice(0, -1)) {
    const next = at[key];
    const section = next !== null && typeof next === 'object' ? next : {};
    at[key] = section;
    at = section as Record<string | number, unknown>;
  }
  at[path.at(-1) ?? ''] = value;
}

function validate(
  tree: Tree,
  connectors: Readonly<Record<string, Connector>> | null,
): readonly IssueProblem[] {
  const parsed = configSchema.safeParse(tree);
  const cross = [...danglingReferences(tree), ...plainSecrets(tree)];
  return [
    ...(parsed.success ? [] : describeIssues(parsed.error, configSchema, tree)),
    ...cross.map((finding) => ({ ...finding, about: 'value' as const })),
    ...(connectors === null
      ? []
      : [...connectionIssues(tree, connectors), ...streamIssues(tree, connectors)]),
  ];
}

/** Where a problem is to be mended: the variable that set the value, else its place in the file. */
function placeOf(
  issue: IssueProblem,
  overrides: readonly Override[],
  document: ParsedDocument,
  fileName: string,
): Problem {
  const variable = overrides.findLast(({ path: at }) => isPrefix(at, issue.path))?.variable;
  const within = overrides.find(
    ({ path: at }) => issue.about === 'missing' && isPrefix(issue.path.slice(0, -1), at),
  );
  const inFile = document.keyAt(issue.path.slice(0, -1));
  if (variable !== undefined) return fromVariable(variable, dotted(issue.path), issue.message);
  if (within !== undefined && issue.path.length > 1 && inFile.line === 1) {
    return fromVariable(within.variable, dotted(issue.path), issue.message);
  }
  const position = issue.about === 'value' ? document.valueAt(issue.path) : document.keyAt(issue.path);
  const where = `${fileName}:${position.line}:${position.column}`;
  return { path: dotted(issue.path), message: issue.message, where, position };
}

function fromVariable(variable: string, path: string, message: string): Problem {
  return { path, message, where: variable, position: null };
}

function isPrefix(prefix: Path, path: Path): boolean {
  return prefix.length <= path.length && prefix.every((key, index) => String(key) === String(path[index]));
}

/** One problem a place: what the schema says comes first, and the general checks only where it is silent. */
function withoutRepetition(problems: readonly Problem[]): readonly Problem[] {
  const seen = new Map<string, Problem>();
  for (const problem of problems) {
    const key = `${problem.where} ${problem.path}`;
    if (!seen.has(key)) seen.set(key, problem);
  }
  return [...seen.values()];
}

function assemble(
  place: ConfigPlace,
  tree: Tree,
  fileTree: Tree,
  overrides: readonly Override[],
  environment: Environment,
): BatonConfig {
  const parsed = configSchema.parse(tree);
  const moved = moveLocalPorts(parsed, readPortMoves(place.home), (at) =>
    overrides.some((override) => isPrefix(override.path, at)),
  );
  const { gateway, lake, ...rest } = parsed;
  const config: BatonConfig = {
    ...rest,
    ...place,
    lake: { ...lake, path: placedPath(lake.path, place) },
    gateway: {
      ...gateway,
      publicUrl: gateway.publicUrl ?? `http://${urlHost(gateway.host)}:${gateway.port}`,
    },
    origins: describeOrigins(configSchema, tree, fileTree, overrides, moved),
  };
  rememberEnvironment(config, environment);
  return config;
}

/** An IPv6 address stands in brackets in a URL. */
function urlHost(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
