import { closest } from './closest.js';
import type { Tree } from './document.js';
import type { Path } from './problems.js';
import { secretMessage, secretRefPattern } from './schema/values.js';

/** Checks across sections, on the tree as written so that they run beside the schema's own. */

export interface Finding {
  readonly path: Path;
  readonly message: string;
}

const connectionKeys = ['source', 'customers', 'rates', 'desk'] as const;
const secretKey = /(?:secret|token|password|passphrase|api[-_]?key|private[-_]?key|credential)s?$/i;

/** References to connections and tenants that do not exist. */
export function danglingReferences(tree: Tree): readonly Finding[] {
  const findings: Finding[] = [];
  const connections = Object.keys(asTree(tree['connections']));
  const check = (value: unknown, path: Path): void => {
    if (typeof value !== 'string' || connections.includes(value)) return;
    findings.push({ path, message: `names no connection${suggestion(value, connections)}` });
  };
  for (const [name, pipeline] of Object.entries(asTree(tree['pipelines']))) {
    for (const key of connectionKeys) check(asTree(pipeline)[key], ['pipelines', name, key]);
    const { syncs } = asTree(pipeline);
    if (Array.isArray(syncs))
      for (const [index, sync] of syncs.entries())
        check(asTree(sync)['connection'], ['pipelines', name, 'syncs', index, 'connection']);
  }
  const ingested = asTree(asTree(tree['pipelines'])['ingest_pipeline'])['sources'];
  if (Array.isArray(ingested))
    for (const [index, source] of ingested.entries())
      check(asTree(source)['connection'], ['pipelines', 'ingest_pipeline', 'sources', index, 'connection']);
  const intakes = asTree(tree['lake'])['intake'];
  if (Array.isArray(intakes))
    for (const [index, intake] of intakes.entries())
      check(asTree(intake)['connection'], ['lake', 'intake', index, 'connection']);
  for (const [name, connection] of Object.entries(asTree(tree['connections']))) {
    const { type, rates, tickets } = asTree(connection);
    if (type !== 'files') continue;
    check(rates, ['connections', name, 'rates']);
    check(tickets, ['connections', name, 'tickets']);
  }
  const fulfilment = asTree(tree['fulfilment']);
  check(asTree(fulfilment['notify'])['connection'], ['fulfilment', 'notify', 'connection']);
  const { steps } = fulfilment;
  if (Array.isArray(steps))
    for (const [index, step] of steps.entries())
      check(asTree(step)['connection'], ['fulfilment', 'steps', index, 'connection']);
  check(asTree(asTree(tree['observability'])['series'])['connection'], [
    'observability',
    'series',
    'connection',
  ]);
  const { desk, notify, escalate } = asTree(tree['triage']);
  check(desk, ['triage', 'desk']);
  check(asTree(notify)['connection'], ['triage', 'notify', 'connection']);
  if (Array.isArray(escalate))
    for (const [index, level] of escalate.entries()) {
      check(asTree(level)['connection'], ['triage', 'escalate', index, 'connection']);
      if (notify === undefined)
        findings.push({
          path: ['triage', 'escalate', index],
          message: 'goes on from triage.notify, which is not set',
        });
    }
  const rules = asTree(tree['events'])['rules'];
  if (Array.isArray(rules))
    for (const [index, rule] of rules.entries()) {
      const at = ['events', 'rules', index];
      const { connection, do: deed, pipeline } = asTree(rule);
      check(connection, [...at, 'connection']);
      if (deed === 'run' && pipeline === undefined)
        findings.push({ path: [...at, 'do'], message: 'is run, and the rule names no pipeline' });
      if (deed === 'run' && typeof pipeline === 'string' && asTree(tree['pipelines'])[pipeline] === undefined)
        findings.push({ path: [...at, 'pipeline'], message: 'names no pipeline of this file' });
      if (deed === 'fulfil' && !(Array.isArray(steps) && steps.length > 0))
        findings.push({
          path: [...at, 'do'],
          message: 'is fulfil, and fulfilment.steps names nothing to be done',
        });
      if (deed === 'triage' && desk === undefined)
        findings.push({ path: [...at, 'do'], message: 'is triage, and triage.desk names no connection' });
    }
  for (const [event, targets] of Object.entries(asTree(tree['alerts']))) {
    if (!Array.isArray(targets)) continue;
    for (const [index, target] of targets.entries()) {
      check(asTree(target)['connection'], ['alerts', event, index, 'connection']);
    }
  }
  return [...findings, ...unknownTenants(tree)];
}

function unknownTenants(tree: Tree): readonly Finding[] {
  const tenants = Array.isArray(tree['tenants']) ? tree['tenants'].map(String) : ['default'];
  return Object.entries(asTree(tree['connections'])).flatMap(([name, connection]) => {
    const tenant = asTree(connection)['tenant'];
    if (typeof tenant !== 'string' || tenants.includes(tenant)) return [];
    return [
      { path: ['connections', name, 'tenant'], message: `names no tenant${suggestion(tenant, tenants)}` },
    ];
  });
}

/** Settings of connections that are secrets by their name and are not references. */
export function plainSecrets(tree: Tree): readonly Finding[] {
  const findings: Finding[] = [];
  const visit = (node: unknown, path: Path): void => {
    for (const [key, value] of Object.entries(asTree(node))) {
      const here = [...path, key];
      if (secretKey.test(key) && isScalarValue(value) && !secretRefPattern.test(String(value))) {
        findings.push({ path: here, message: secretMessage });
      } else if (
        typeof value === 'string' &&
        value.startsWith('secret://') &&
        !secretRefPattern.test(value)
      ) {
        findings.push({ path: here, message: secretMessage });
      } else {
        visit(value, here);
      }
    }
  };
  visit(tree['connections'], ['connections']);
  return findings;
}

function isScalarValue(value: unknown): boolean {
  return value !== null && value !== undefined && typeof value !== 'object';
}

function suggestion(given: string, names: readonly string[]): string {
  const near = closest(given, names);
  if (near !== null) return `; did you mean "${near}"?`;
  return names.length === 0 ? '' : `; there are ${names.join(', ')}`;
}

function asTree(value: unknown): Tree {
  return value !== null && typeof value === 'object' ? (value as Tree) : {};
}
