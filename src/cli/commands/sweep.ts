import { knownTenant, unknownConnection } from '../../config/index.js';
import { isToSweep } from '../../connectors/port.js';
import { streamsIn } from '../../connectors/registry.js';
import { createRunStore, shortRunId } from '../../control/runs.js';
import { sweepOf, sweepPlan } from '../../pipelines/complete.js';
import { BatonError } from '../../protocol/errors.js';
import { createPostgresWarehouse } from '../../warehouse/postgres/index.js';
import type { Handler, Options } from '../context.js';
import { one } from '../render/result.js';
import { formatCount, type Style } from '../render/style.js';
import { plansOf } from './installation.js';
import { temporalLink } from './links.js';
import { waitForRun } from './wait.js';

/** Lists all that the vendor has and marks what is gone, by a run like any other. */
export const sweep: Handler = async (cli, _, options) => {
  const config = await cli.config();
  const connection = String(options['connection']);
  if (config.connections[connection] === undefined) throw unknownConnection(connection, config);
  const tenant = knownTenant(config, String(options['tenant']));
  const limits = readLimits(options);
  const plan = sweepPlan(plansOf(config), {
    connection,
    maxShare: limits.maxShare / 100,
    maxCalls: limits.maxCalls,
    hasKeys: (of, stream) => isToSweep(streamsIn(config.connections, of)[stream]),
  });
  const client = await cli.client();
  const inputs = { maxShare: String(limits.maxShare), maxCalls: String(limits.maxCalls) };
  const { id } = await client.startPipeline({
    pipeline: sweepOf(connection),
    tenant,
    inputs,
    trigger: 'manual',
  });
  const outcome = await waitForRun(cli, id);
  if (outcome.error !== undefined || outcome.exitCode !== undefined) return outcome;
  const { comparisons } = createPostgresWarehouse(await cli.warehouse());
  const progress = await createRunStore(await cli.control()).progress(id);
  const counts = new Map(progress?.steps.map((step) => [step.id, step.counts]));
  const tables = (await comparisons.ofRun(id)).map(({ stepId, target, stream, windowTo, listed, calls }) => {
    const sweepStep = plan.steps.find((step) => step.kind === 'sweep' && step.from === stepId);
    const { 'not listed': notListed = 0, marked = 0 } = counts.get(sweepStep?.id ?? '') ?? {};
    return { table: target, stream, upTo: windowTo, listed, notListed, marked, calls };
  });
  const run = { id, shortId: shortRunId(id) };
  const data = { connection, tenant, tables, run, links: { temporal: temporalLink(config, id) } };
  return { result: one(data, (style) => describe(data, style)) };
};

function readLimits(options: Options): { readonly maxShare: number; readonly maxCalls: number } {
  const maxShare = Number(options['maxShare']);
  const maxCalls = Number(options['maxCalls']);
  if (!(maxShare >= 0 && maxShare <= 100))
    throw new BatonError('ERR_USAGE', { detail: '--max-share is a percentage from 0 to 100.' });
  if (!(Number.isSafeInteger(maxCalls) && maxCalls > 0))
    throw new BatonError('ERR_USAGE', { detail: '--max-calls is a whole number above 0.' });
  return { maxShare, maxCalls };
}

interface Swept {
  readonly table: string;
  readonly upTo: string;
  readonly listed: number;
  readonly notListed: number;
  readonly marked: number;
  readonly calls: number;
}

function describe(
  {
    connection,
    tables,
    run,
    links,
  }: {
    readonly connection: string;
    readonly tables: readonly Swept[];
    readonly run: { readonly shortId: string };
    readonly links: { readonly temporal: string };
  },
  style: Style,
): string {
  const marked = tables.reduce((sum, table) => sum + table.marked, 0);
  return [
    `${style.green('✓')} ${style.bold(connection)} swept: ${formatCount(marked)} marked as deleted   run ${run.shortId}`,
    ...tables.map((table) => `  ${describeTable(table, style)}`),
    `  ${style.dim('story')}  ${links.temporal}`,
    '',
  ].join('\n');
}

function describeTable({ table, listed, notListed, marked, calls }: Swept, style: Style): string {
  const name = style.bold(table);
  if (calls === 0) return `${name}  ${style.dim('not loaded yet')}`;
  return `${name}  ${formatCount(listed)} listed, ${formatCount(notListed)} not, ${formatCount(marked)} of them gone  ${formatCount(calls)} calls`;
}
