import { createFanOutStore } from '../../control/fan-outs.js';
import { createRunStore, type RunRow, type RunStore } from '../../control/runs.js';
import { BatonError } from '../../protocol/errors.js';
import { everyTenant, type RunState, toLogicalTime } from '../../protocol/names.js';
import type { Cli, Handler } from '../context.js';
import { one } from '../render/result.js';
import { temporalLink } from './links.js';
import { knownRun } from './names.js';
import { waitForRun } from './wait.js';

const retryable: ReadonlySet<RunState> = new Set<RunState>(['failed', 'cancelled', 'partial']);

/**
 * Opens a run that has not succeeded for another attempt and starts it. What its earlier attempts finished is taken
 * over by reference: nothing is read, loaded or sent a second time that was done.
 */
export const retryRun: Handler = async (cli, [reference = ''], options) => {
  const run = await knownRun(cli, reference);
  const store = createRunStore(await cli.control());
  const attempt = await openAgain(store, run);
  const started = await start(cli, run, attempt);
  if (options['wait'] === true) return waitForRun(cli, run.id);
  const data = { run: { id: run.id, shortId: run.short_id }, attempt, started };
  const link = temporalLink(await cli.config(), run.id);
  return {
    result: one(
      { ...data, links: { temporal: link } },
      (style) =>
        `${style.green('✓')} run ${run.short_id} of ${style.bold(run.pipeline)}: attempt ${attempt}\n` +
        `  ${style.dim(`next: baton runs watch ${run.short_id} · ${link}`)}\n`,
    ),
  };
};

/** The attempt's number. One that was opened and then not started, since Temporal was away, is taken up. */
async function openAgain(store: RunStore, run: RunRow): Promise<number> {
  if (run.state === 'queued' && run.temporal_run_id === '') return run.attempt;
  const attempt = retryable.has(run.state) ? await store.raiseAttempt(run.id, run.attempt) : null;
  if (attempt !== null) return attempt;
  throw new BatonError('ERR_RUN_NOT_RETRYABLE', {
    detail: `Run ${run.short_id} of ${run.pipeline} is ${run.state}.`,
    where: run.id,
  });
}

async function start(cli: Cli, run: RunRow, attempt: number): Promise<boolean> {
  const client = await cli.client();
  const { id, pipeline, tenant, trigger, inputs, full_refresh: fullRefresh } = run;
  const input = {
    pipeline,
    trigger,
    fullRefresh,
    inputs,
    logicalTime: toLogicalTime(run.logical_time),
    attempt,
  };
  if (tenant !== everyTenant) {
    const window = run.scope === '' ? {} : { window: { from: input.logicalTime, to: run.scope } };
    return client.startAttempt(id, { ...input, ...window, tenant, class: run.class });
  }
  const fanOut = await createFanOutStore(await cli.control()).find(id);
  return client.startMappedAttempt(id, {
    ...input,
    tenants: 'all',
    maxParallel: fanOut?.max_active ?? 1,
    toleratedPercent: fanOut?.tolerated ?? 100,
  });
}
