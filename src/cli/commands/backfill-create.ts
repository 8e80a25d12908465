import { randomBytes } from 'node:crypto';
import {
  type BatonConfig,
  formatDuration,
  knownTenant,
  parseDuration,
  settingsOfRun,
} from '../../config/index.js';
import { createFanOutStore, type NewFanOut } from '../../control/fan-outs.js';
import { decideItem, type ItemDecision, intervalsOf } from '../../domain/intervals.js';
import { BatonError } from '../../protocol/errors.js';
import { type ReprocessBehavior, reprocessBehaviors } from '../../protocol/fan-out.js';
import { backfillId, intervalRunId, toLogicalTime } from '../../protocol/names.js';
import type { Interval } from '../../protocol/run.js';
import type { Cli, Handler, Options, Outcome } from '../context.js';
import { one } from '../render/result.js';
import { formatCount, formatCounted, type Style } from '../render/style.js';
import { shortOf } from './backfill.js';
import { describeEstimate, estimateBackfill } from './backfill-estimate.js';
import { readInputs } from './inputs.js';
import { temporalLink } from './links.js';
import { knownPipeline } from './names.js';

/** More rows than a person can look through, and than a slip of the hand should make. */
const mostIntervals = 20_000;

/** Stores the intervals and starts the workflow that runs them; with --dry-run it only says what that would take. */
export const createBackfill: Handler = async (cli, [name = ''], options) => {
  const config = await cli.config();
  const request = readRequest(config, name, options);
  const planned = await planIntervals(cli, request);
  return options['dryRun'] === true ? tell(cli, config, planned) : start(cli, config, planned);
};

interface PlannedInterval {
  readonly window: Interval;
  readonly runId: string;
  readonly decision: ItemDecision;
}

interface Planned {
  readonly request: Request;
  readonly intervals: readonly PlannedInterval[];
  /** Intervals that have not ended. */
  readonly leftOut: number;
}

async function planIntervals(cli: Cli, request: Request): Promise<Planned> {
  const { pipeline, tenant, reprocess } = request;
  const { intervals, leftOut } = intervalsOf(request, new Date());
  const withIds = intervals.map((window) => ({ window, runId: intervalRunId(pipeline, tenant, window) }));
  const runs = await createFanOutStore(await cli.control()).runsOf(withIds.map(({ runId }) => runId));
  const decided = withIds.map((item) => ({
    ...item,
    decision: decideItem(runs.get(item.runId) ?? null, reprocess),
  }));
  return { request, intervals: decided, leftOut };
}

async function tell(cli: Cli, config: BatonConfig, planned: Planned): Promise<Outcome> {
  const intervals = toRun(planned).map(({ window }) => window);
  const estimate = await estimateBackfill(cli, config, { ...planned.request, intervals });
  const text = (style: Style) =>
    [
      ...describePlanned(planned, style),
      ...describeEstimate(estimate, planned.request.maxActive, style),
      style.dim('  nothing was started; without --dry-run it is'),
      '',
    ].join('\n');
  return { result: one({ ...dataOf(planned), estimate }, text) };
}

async function start(cli: Cli, config: BatonConfig, planned: Planned): Promise<Outcome> {
  const { request, intervals, leftOut } = planned;
  if (toRun(planned).length === 0) throw nothingToRun(intervals.length, leftOut);
  const id = backfillId(randomBytes(4).toString('hex'));
  const { pipeline, tenant } = request;
  const client = await cli.client();
  await createFanOutStore(await cli.control()).create(
    rowOf(id, request),
    intervals.map(({ window, runId }) => ({ tenant, window, runId, refused: null })),
  );
  await client.startBackfill(
    id,
    `${pipeline} for ${tenant}: ${formatCounted(intervals.length, 'intervals')}`,
  );
  const short = shortOf(id);
  const next = ['show', 'pause', 'cancel'].map((verb) => `baton backfill ${verb} ${short}`).join(' · ');
  const data = { id: short, ...dataOf(planned), links: { temporal: temporalLink(config, id) } };
  const text = (style: Style) =>
    [
      `${style.green('✓')} started backfill ${style.bold(short)}`,
      ...describePlanned(planned, style),
      `  ${style.dim(`next: ${next}`)}`,
      '',
    ].join('\n');
  return { result: one(data, text) };
}

function rowOf(id: string, request: Request): NewFanOut {
  return {
    id,
    kind: 'backfill',
    pipeline: request.pipeline,
    tenant: request.tenant,
    class: 'backfill',
    trigger: 'backfill',
    full_refresh: false,
    inputs: request.inputs,
    logical_time: null,
    from_time: request.from,
    to_time: request.to,
    interval_ms: request.intervalMs,
    backwards: request.backwards,
    reprocess: request.reprocess,
    max_active: request.maxActive,
    tolerated: 100,
  };
}

function toRun({ intervals }: Planned): readonly PlannedInterval[] {
  return intervals.filter(({ decision }) => decision.kind !== 'skip');
}

interface Request {
  readonly pipeline: string;
  readonly tenant: string;
  readonly from: Date;
  readonly to: Date;
  readonly intervalMs: number;
  readonly backwards: boolean;
  readonly reprocess: ReprocessBehavior;
  readonly maxActive: number;
  readonly inputs: Readonly<Record<string, string>>;
}

function readRequest(config: BatonConfig, name: string, options: Options): Request {
  const pipeline = knownPipeline(config, name);
  const tenant = knownTenant(config, String(options['tenant']));
  const inputs = readInputs(options['input'] as readonly string[]);
  settingsOfRun(config, { pipeline, tenant, inputs });
  const from = timeFrom('--from-date', options['fromDate']);
  const to = timeFrom('--to-date', options['toDate']);
  if (from > to) throw usage(`--from-date ${toLogicalTime(from)} is after --to-date ${toLogicalTime(to)}.`);
  const intervalMs = parseDuration(String(options['interval']));
  if (intervalMs === null || intervalMs < 60_000)
    throw usage(
      `--interval ${String(options['interval'])} is no duration of a minute or more, such as 1d or 6h.`,
    );
  const count = Math.floor((to.getTime() - from.getTime()) / intervalMs) + 1;
  if (count > mostIntervals)
    throw usage(
      `That makes ${formatCount(count)} intervals; more than ${formatCount(mostIntervals)} are not taken at once. Give a longer --interval or a shorter range.`,
    );
  const maxActive = Number(options['maxActiveRuns']);
  if (!Number.isSafeInteger(maxActive) || maxActive < 1 || maxActive > 100)
    throw usage(`--max-active-runs ${String(options['maxActiveRuns'])} is no whole number from 1 to 100.`);
  const reprocess = reprocessBehaviors.find((known) => known === options['reprocessBehavior']);
  if (reprocess === undefined)
    throw usage(`--reprocess-behavior is one of ${reprocessBehaviors.join(', ')}.`);
  return {
    pipeline,
    tenant,
    from,
    to,
    intervalMs,
    backwards: options['runBackwards'] === true,
    reprocess,
    maxActive,
    inputs,
  };
}

/** A date is its midnight in UTC; seconds are the finest. */
function timeFrom(flag: string, value: unknown): Date {
  const given = String(value);
  const accepted = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2}))?$/.test(given);
  const time = new Date(accepted ? given : Number.NaN);
  if (Number.isNaN(time.getTime()))
    throw usage(
      `${flag} "${given}" is no time. Give a date (2026-01-31) or a time with its zone (2026-01-31T06:00:00Z).`,
    );
  return time;
}

function usage(detail: string): BatonError {
  return new BatonError('ERR_USAGE', { detail });
}

function nothingToRun(intervals: number, leftOut: number): BatonError {
  const why =
    intervals === 0
      ? `None of the ${formatCounted(leftOut, 'intervals')} has ended yet: what still changes in one would be missed.`
      : `All ${formatCounted(intervals, 'intervals')} have runs already.`;
  return new BatonError('ERR_USAGE', {
    detail: `There is nothing to run. ${why}`,
    fix: 'To read intervals again: --reprocess-behavior failed or completed.',
  });
}

function tally({ intervals }: Planned) {
  const of = (kind: ItemDecision['kind']) =>
    intervals.filter(({ decision }) => decision.kind === kind).length;
  return { start: of('start'), retry: of('retry'), join: of('join'), skip: of('skip') };
}

function dataOf(planned: Planned) {
  const { pipeline, tenant, from, to, intervalMs, backwards, reprocess, maxActive } = planned.request;
  return {
    pipeline,
    tenant,
    from: toLogicalTime(from),
    to: toLogicalTime(to),
    interval: formatDuration(intervalMs),
    backwards,
    reprocessBehavior: reprocess,
    maxActiveRuns: maxActive,
    intervals: planned.intervals.length,
    leftOut: planned.leftOut,
    ...tally(planned),
  };
}

function describePlanned(planned: Planned, style: Style): string[] {
  const { request, intervals, leftOut } = planned;
  const { pipeline, tenant, intervalMs, maxActive, backwards } = request;
  const { start, retry, join, skip } = tally(planned);
  const times = intervals.map(({ window }) => window.from).sort();
  const range = times.length === 0 ? 'no interval' : `${times[0]} to ${times.at(-1)}`;
  const parts = [
    `${formatCount(start)} to run`,
    ...(retry > 0 ? [`${formatCount(retry)} to run again`] : []),
    ...(join > 0 ? [`${formatCount(join)} under way already`] : []),
    ...(skip > 0 ? [`${formatCount(skip)} skipped: they have runs`] : []),
    ...(leftOut > 0 ? [`${formatCount(leftOut)} left out: they have not ended`] : []),
  ];
  const how = `by ${formatDuration(intervalMs)}, ${maxActive} at once${backwards ? ', newest first' : ''}`;
  return [
    `  ${style.bold(pipeline)} for ${tenant}: ${range}, ${how}`,
    `  ${style.dim('intervals')}  ${parts.join(', ')}`,
  ];
}
