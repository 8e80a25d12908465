import { type BatonConfig, knownTenant, parseDuration, unknownConnection } from '../../config/index.js';
import { streamsIn } from '../../connectors/registry.js';
import { createRunStore, shortRunId } from '../../control/runs.js';
import type { Plan } from '../../domain/plan.js';
import { completionOf, completionPlan, isComparable } from '../../pipelines/complete.js';
import { BatonError } from '../../protocol/errors.js';
import type { Comparison } from '../../warehouse/port.js';
import { createPostgresWarehouse } from '../../warehouse/postgres/index.js';
import { tableOf } from '../../warehouse/staged.js';
import type { Cli, Handler, Options } from '../context.js';
import { one } from '../render/result.js';
import { formatCount, formatCounted, type Style } from '../render/style.js';
import { plansOf, streamOf } from './installation.js';
import { temporalLink } from './links.js';
import { waitForRun } from './wait.js';

/**
 * Compares what the vendor lists with lake and warehouse and has what differs read again, by a run like any other:
 * it outlives this command. Ends well only when nothing that was found to be lacking still is.
 */
export const complete: Handler = async (cli, _, options) => {
  const config = await cli.config();
  const request = readRequest(config, options);
  const plan = planOf(config, request);
  const client = await cli.client();
  const { id } = await client.startPipeline({
    pipeline: completionOf(request.connection),
    tenant: request.tenant,
    inputs: { since: request.since },
    trigger: 'manual',
  });
  const outcome = await waitForRun(cli, id);
  if (outcome.error !== undefined || outcome.exitCode !== undefined) return outcome;
  const tables = await tablesOf(cli, config, plan, id);
  const notCompared = notComparedOf(config, request.connection);
  const data = {
    connection: request.connection,
    tenant: request.tenant,
    ...upTo(tables),
    tables,
    notCompared,
    run: { id, shortId: shortRunId(id) },
    links: { temporal: temporalLink(config, id) },
  };
  const result = one(data, (style) => describe(data, style));
  if (data.complete) return { result };
  return {
    result,
    error: new BatonError('ERR_INCOMPLETE', {
      detail: `${request.connection} is not complete: ${tables.reduce((sum, { remaining, notGiven }) => sum + Math.max(remaining, notGiven), 0)} records that it lists, or that the lake has lost, could not be had from it.`,
    }),
  };
};

interface Request {
  readonly connection: string;
  readonly tenant: string;
  readonly since: string;
  readonly sinceMs: number | null;
}

function readRequest(config: BatonConfig, options: Options): Request {
  const connection = String(options['connection']);
  if (config.connections[connection] === undefined) throw unknownConnection(connection, config);
  const tenant = knownTenant(config, String(options['tenant']));
  const since = String(options['since']);
  const sinceMs = since === 'all' ? null : parseDuration(since);
  if (since !== 'all' && sinceMs === null)
    throw new BatonError('ERR_USAGE', {
      detail: `--since: "${since}" is neither a duration such as 7d nor all.`,
    });
  return { connection, tenant, since, sinceMs };
}

function planOf(config: BatonConfig, { connection, sinceMs }: Request): Plan {
  return completionPlan(plansOf(config), { connection, sinceMs, hasKeys: hasKeys(config) });
}

function hasKeys(config: BatonConfig) {
  return (connection: string, stream: string) =>
    streamsIn(config.connections, connection)[stream]?.keys !== undefined;
}

function notComparedOf(config: BatonConfig, connection: string) {
  return plansOf(config)
    .flatMap(({ steps }) => steps)
    .filter((step) => step.kind === 'extract')
    .filter((step) => step.connection === connection && !isComparable(step, { hasKeys: hasKeys(config) }))
    .map(({ stream, target }) => ({ stream, table: target.table }));
}

interface ComparedTable {
  readonly table: string;
  readonly stream: string;
  readonly from: string | null;
  readonly to: string;
  /** False where no run has loaded the table yet: then there is nothing to compare. */
  readonly isLoaded: boolean;
  readonly listed: number;
  readonly missing: number;
  readonly older: number;
  /** Records whose object is gone from the lake, and how many objects that were. */
  readonly lost: number;
  readonly lostObjects: number;
  /** Of all those: what the vendor gave when asked for them, and what that changed in the table. */
  readonly read: number;
  readonly loaded: number;
  /** Still missing or older, and asked for in vain. */
  readonly remaining: number;
  readonly notGiven: number;
}

async function tablesOf(cli: Cli, config: BatonConfig, plan: Plan, runId: string): Promise<ComparedTable[]> {
  const { comparisons } = createPostgresWarehouse(await cli.warehouse());
  const progress = await createRunStore(await cli.control()).progress(runId);
  const counts = new Map(progress?.steps.map((step) => [step.id, step.counts]));
  const tables: ComparedTable[] = [];
  for (const comparison of await comparisons.ofRun(runId)) {
    const repair = plan.steps.find((step) => step.kind === 'extract' && step.repairs === comparison.stepId);
    const load = plan.steps.find((step) => step.kind === 'load' && step.from === repair?.id);
    if (repair?.kind !== 'extract') continue;
    const table = tableOf(streamOf(config, repair.connection, repair.stream), repair);
    const remaining = await comparisons.remaining({ runId, stepId: comparison.stepId }, table);
    const read = counts.get(repair.id)?.['read'] ?? 0;
    tables.push(comparedTable(comparison, read, counts.get(load?.id ?? '')?.['loaded'] ?? 0, remaining));
  }
  return tables;
}

function comparedTable(
  { target, stream, windowFrom, windowTo, calls, listed, found, lost: objects }: Comparison,
  read: number,
  loaded: number,
  remaining: number,
): ComparedTable {
  const { missing = 0, older = 0, lost = 0 } = found ?? {};
  return {
    table: target,
    stream,
    from: windowFrom,
    to: windowTo,
    isLoaded: calls > 0,
    listed,
    missing,
    older,
    lost,
    lostObjects: objects.length,
    read,
    loaded,
    remaining,
    notGiven: Math.max(0, missing + older + lost - read),
  };
}

/** Complete up to the earliest of the windows' ends, when nothing is lacking. */
function upTo(tables: readonly ComparedTable[]) {
  const ends = tables
    .filter(({ isLoaded }) => isLoaded)
    .map(({ to }) => to)
    .sort();
  const isComplete = tables.every(({ remaining, notGiven }) => remaining === 0 && notGiven === 0);
  return { complete: isComplete, completeUpTo: isComplete ? (ends[0] ?? null) : null };
}

function describe(
  data: {
    readonly connection: string;
    readonly completeUpTo: string | null;
    readonly tables: readonly ComparedTable[];
    readonly notCompared: readonly { readonly stream: string; readonly table: string }[];
    readonly run: { readonly shortId: string };
    readonly links: { readonly temporal: string };
  },
  style: Style,
): string {
  const { connection, completeUpTo, tables, notCompared, run, links } = data;
  const headline =
    completeUpTo === null
      ? `${style.red('✗')} ${style.bold(connection)} is not complete`
      : `${style.green('✓')} ${style.bold(connection)} complete up to ${completeUpTo}`;
  return [
    `${headline}   run ${run.shortId}`,
    ...tables.map((table) => `  ${describeTable(table, style)}`),
    ...notCompared.map(
      ({ stream, table }) =>
        `  ${style.dim(`not compared: ${stream} in ${table} is read whole by each run, or cannot be listed`)}`,
    ),
    `  ${style.dim('story')}  ${links.temporal}`,
    '',
  ].join('\n');
}

function describeTable(table: ComparedTable, style: Style): string {
  if (!table.isLoaded)
    return `${style.bold(table.table)}  ${style.dim('not loaded yet: its pipeline reads everything')}`;
  const { missing, older, lost, lostObjects, read, loaded, remaining, notGiven } = table;
  const found = [
    ...(missing > 0 ? [`${formatCount(missing)} missing`] : []),
    ...(older > 0 ? [`${formatCount(older)} older`] : []),
    ...(lostObjects > 0
      ? [`${formatCount(lost)} in ${formatCounted(lostObjects, 'lost objects')} of the lake`]
      : []),
  ];
  const lacking = Math.max(remaining, notGiven);
  return [
    style.bold(table.table),
    `${formatCount(table.listed)} listed since ${table.from ?? 'the beginning'}`,
    found.length === 0
      ? 'nothing lacking'
      : `${found.join(', ')}: ${formatCount(read)} read again, ${formatCount(loaded)} loaded`,
    ...(lacking === 0 ? [] : [style.red(`${formatCount(lacking)} could not be had`)]),
  ].join('  ');
}
