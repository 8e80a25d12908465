import { configuredPipelines, knownTenant, settingsOfRun } from '../../config/index.js';
import { shortRunId } from '../../control/runs.js';
import { BatonError } from '../../protocol/errors.js';
import type { Cli, Handler, Options, Outcome } from '../context.js';
import { one } from '../render/result.js';
import { formatCounted } from '../render/style.js';
import { readInputs } from './inputs.js';
import { temporalLink } from './links.js';
import { knownPipeline } from './names.js';
import { waitForRun } from './wait.js';

/** Starts a pipeline; with --wait shows its steps and gives its receipt. */
export const run: Handler = async (cli, [name = ''], options) => {
  const config = await cli.config();
  const pipeline = knownPipeline(config, name);
  const tenant = options['tenants'] === undefined ? String(options['tenant']) : (config.tenants[0] ?? '');
  const inputs = readInputs(options['input'] as readonly string[]);
  settingsOfRun(config, { pipeline, tenant, inputs });
  const { normalLogicalTime } = await import('../../client/index.js');
  const logicalDate = options['logicalDate'];
  const logicalTime = normalLogicalTime(logicalDate === undefined ? new Date() : String(logicalDate));
  const client = await cli.client();
  if (options['tenants'] !== undefined) return runForTenants(cli, { pipeline, logicalTime, inputs }, options);
  const started = await client.startPipeline({
    pipeline,
    tenant,
    logicalTime,
    fullRefresh: options['fullRefresh'] === true,
    inputs,
    trigger: 'manual',
  });
  if (options['wait'] === true) return waitForRun(cli, started.id);
  const shortId = shortRunId(started.id);
  const links = { temporal: temporalLink(config, started.id) };
  const data = { run: { id: started.id, shortId, pipeline, tenant, logicalTime, state: 'queued' }, links };
  return {
    result: one(
      data,
      (style) =>
        `${style.green('✓')} started ${style.bold(pipeline)}, run ${shortId}  ${logicalTime}\n` +
        `  ${style.dim(`next: baton runs watch ${shortId} · ${links.temporal}`)}\n`,
    ),
  };
};

/** One run that is mapped over tenants: each has a run of its own, and one that fails is no other's concern. */
async function runForTenants(
  cli: Cli,
  run: { pipeline: string; logicalTime: string; inputs: Readonly<Record<string, string>> },
  options: Options,
): Promise<Outcome> {
  const config = await cli.config();
  const given = String(options['tenants']);
  const tenants = given === 'all' ? given : given.split(',').map((name) => knownTenant(config, name.trim()));
  const settings = configuredPipelines(config).find(([name]) => name === run.pipeline)?.[1].tenants;
  const maxParallel = Number(options['maxParallel'] ?? settings?.maxParallel);
  if (!Number.isSafeInteger(maxParallel) || maxParallel < 1 || maxParallel > 1_000)
    throw new BatonError('ERR_USAGE', { detail: '--max-parallel is a whole number from 1 to 1000.' });
  const id = await (await cli.client()).startMapped({
    ...run,
    tenants,
    trigger: 'manual',
    fullRefresh: options['fullRefresh'] === true,
    maxParallel,
    toleratedPercent: settings?.toleratedFailures ?? 100,
  });
  if (options['wait'] === true) return waitForRun(cli, id);
  const shortId = shortRunId(id);
  const links = { temporal: temporalLink(config, id) };
  const data = { run: { id, shortId, pipeline: run.pipeline, tenants, logicalTime: run.logicalTime }, links };
  const whose = tenants === 'all' ? 'all tenants' : formatCounted(tenants.length, 'tenants');
  return {
    result: one(
      data,
      (style) =>
        `${style.green('✓')} started ${style.bold(run.pipeline)} for ${whose}, run ${shortId}  ${run.logicalTime}\n` +
        `  ${style.dim(`next: baton runs watch ${shortId} · ${links.temporal}`)}\n`,
    ),
  };
}
