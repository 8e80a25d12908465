import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { columns } from '../columns.js';
import type { Bench } from '../main.js';
import { onStage } from '../on-stage.js';
import { positive } from '../options.js';
import type { Stage } from '../servers.js';
import { mean, percentile, rounded } from '../statistics.js';
import { type Fleet, type Outcome, openFleet, tenantNames } from './fleet.js';
import type { Segment } from './story.js';
import type { WaitsOf } from './waits.js';

/** Before what is measured: connections, prepared statements, compiled code, tables. */
const warmUps = 3;
/** Longer than the workers keep what they have noted. */
const settleMs = 500;

interface Options {
  readonly runs: number;
  readonly records: number;
  readonly json: boolean;
  readonly keep: boolean;
}

export const smallRun: Bench = {
  name: 'small-run',
  summary: 'What a run of 50 orders takes and where, beside a bare workflow of as many activities.',
  usage: '[--runs 30] [--records 50] [--json] [--keep]',
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        runs: { type: 'string', default: '30' },
        records: { type: 'string', default: '50' },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
      },
    });
    const options = {
      ...values,
      runs: positive('runs', values.runs),
      records: positive('records', values.records),
    };
    await onStage(options, (stage, say) => measure(stage, options, say));
  },
};

async function measure(stage: Stage, options: Options, say: (line: string) => void): Promise<object> {
  const tenants = tenantNames(options.runs + warmUps);
  const fleet = await openFleet(stage, { tenants, records: options.records, pageSize: 50 });
  const pairs: { readonly run: Outcome; readonly bare: Outcome }[] = [];
  let waves: readonly number[] = [1];
  for (const [turn, tenant] of tenants.entries()) {
    const run = await oneRun(fleet, tenant, options.records);
    waves = run.story.waves;
    const bareId = `bare-${tenant}`;
    await (await fleet.startBare(bareId, waves))();
    if (turn >= warmUps) pairs.push({ run, bare: await fleet.outcome(bareId) });
  }
  await sleep(settleMs);
  const waits = fleet.waits();
  await fleet.close();
  const report = reportOf(pairs, waits, options);
  say(`\n${tableOf(report)}`);
  return report;
}

/** A tenant's first load, checked: every order that the vendor has is accounted for. */
async function oneRun(fleet: Fleet, tenant: string, records: number): Promise<Outcome> {
  const run = await fleet.startRun(tenant);
  const { state, receipt } = await run.result();
  if (state !== 'succeeded' || receipt.read !== records || receipt.loaded === 0)
    throw new Error(`the run of ${tenant} ended ${state} with ${JSON.stringify(receipt)}`);
  return fleet.outcome(run.id);
}

type Report = ReturnType<typeof reportOf>;

function reportOf(
  pairs: readonly { readonly run: Outcome; readonly bare: Outcome }[],
  waits: WaitsOf,
  options: Options,
) {
  const runs = pairs.map(({ run }) => run);
  const bares = pairs.map(({ bare }) => bare);
  const wall = ({ story }: Outcome) => story.endedMs - story.startedMs;
  const outside = runs.map((run) => outsideOf(run, waits));
  const own = runs.map((run, at) => wall(run) - (outside[at]?.http ?? 0) - (outside[at]?.db ?? 0));
  const first = runs[0];
  return {
    bench: 'small-run',
    runs: runs.length,
    records: options.records,
    p50Ms: rounded(percentile(runs.map(wall), 0.5), 1),
    p95Ms: rounded(percentile(runs.map(wall), 0.95), 1),
    mergedP50Ms: rounded(percentile(runs.map(mergedMs), 0.5), 1),
    mergedP95Ms: rounded(percentile(runs.map(mergedMs), 0.95), 1),
    bareP50Ms: rounded(percentile(bares.map(wall), 0.5), 1),
    bareP95Ms: rounded(percentile(bares.map(wall), 0.95), 1),
    /** Without what the vendor and the databases took of it. */
    ownP50Ms: rounded(percentile(own, 0.5), 1),
    ratioToBare: rounded(percentile(own, 0.5) / percentile(bares.map(wall), 0.5), 3),
    activities: first?.story.activities.length ?? 0,
    waves: first?.story.waves ?? [],
    actions: first?.cost.actions ?? 0,
    events: first?.cost.events ?? 0,
    historyBytes: Math.round(mean(runs.map(({ bytes }) => bytes))),
    largestPayloadBytes: Math.max(...runs.map(({ cost }) => cost.largestPayloadBytes)),
    where: {
      workflowTaskWaitsMs: partOf(runs, 'workflow task waits'),
      workflowTaskMs: partOf(runs, 'workflow task'),
      activityWaitsMs: partOf(runs, 'activity waits'),
      vendorMs: rounded(mean(outside.map(({ http }) => http)), 1),
      databaseMs: rounded(mean(outside.map(({ db }) => db)), 1),
      restOfActivitiesMs: rounded(
        partOf(runs, 'activity') - mean(outside.map(({ http, db }) => http + db)),
        1,
      ),
    },
    bareWhere: {
      workflowTaskWaitsMs: partOf(bares, 'workflow task waits'),
      workflowTaskMs: partOf(bares, 'workflow task'),
      activityWaitsMs: partOf(bares, 'activity waits'),
      activitiesMs: partOf(bares, 'activity'),
    },
    path: pathOf(runs, waits),
    byActivity: byActivity(runs, waits),
  };
}

/** Of the activities that the run's end waited for, the time in which they waited for others. */
function outsideOf({ workflowId, story }: Outcome, waits: WaitsOf): { http: number; db: number } {
  const all = story.path.flatMap((segment) =>
    segment.kind === 'activity' && segment.activity !== null ? [waits(workflowId, segment.activity.id)] : [],
  );
  const sum = (of: 'http' | 'db') => all.reduce((total, one) => total + one[of], 0);
  return { http: sum('http'), db: sum('db') };
}

/** From the start to the end of the last merge. */
function mergedMs({ story }: Outcome): number {
  const merges = story.activities.filter(({ type }) => type !== 'finishRun');
  return Math.max(...merges.map(({ closedMs }) => closedMs)) - story.startedMs;
}

function partOf(outcomes: readonly Outcome[], kind: Segment['kind']): number {
  const sums = outcomes.map(({ story }) =>
    story.path.reduce((sum, segment) => sum + (segment.kind === kind ? segment.ms : 0), 0),
  );
  return rounded(mean(sums), 1);
}

/** The activities that the median run's end waited for, in turn. */
function pathOf(runs: readonly Outcome[], waits: WaitsOf) {
  const sorted = runs.toSorted(
    (a, b) => a.story.endedMs - a.story.startedMs - (b.story.endedMs - b.story.startedMs),
  );
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  if (median === undefined) return [];
  return median.story.path
    .filter(({ kind, activity }) => kind === 'activity' && activity !== null)
    .map(({ activity, ms }) => {
      const { http, db } = waits(median.workflowId, activity?.id ?? '');
      const waited = (activity?.startedMs ?? 0) - (activity?.scheduledMs ?? 0);
      return {
        activity: activity?.type ?? '',
        waitsMs: rounded(waited, 1),
        ms: rounded(ms, 1),
        vendorMs: rounded(http, 1),
        databaseMs: rounded(db, 1),
      };
    });
}

function byActivity(runs: readonly Outcome[], waits: WaitsOf) {
  const types = [...new Set(runs.flatMap(({ story }) => story.activities.map(({ type }) => type)))];
  return types.map((type) => {
    const all = runs.flatMap(({ workflowId, story }) =>
      story.activities
        .filter((activity) => activity.type === type)
        .map((activity) => ({ ...activity, ...waits(workflowId, activity.id) })),
    );
    return {
      activity: type,
      perRun: rounded(all.length / runs.length, 2),
      waitsMs: rounded(mean(all.map((one) => one.startedMs - one.scheduledMs)), 1),
      ms: rounded(mean(all.map((one) => one.closedMs - one.startedMs)), 1),
      vendorMs: rounded(mean(all.map((one) => one.http)), 1),
      databaseMs: rounded(mean(all.map((one) => one.db)), 1),
    };
  });
}

function tableOf(report: Report): string {
  const ms = (value: number) => value.toFixed(1);
  const { where, bareWhere } = report;
  const head = columns(
    [
      ['', 'p50 ms', 'p95 ms'],
      ['run, start to end', ms(report.p50Ms), ms(report.p95Ms)],
      ['run, start to last merge', ms(report.mergedP50Ms), ms(report.mergedP95Ms)],
      ['bare workflow of as many activities', ms(report.bareP50Ms), ms(report.bareP95Ms)],
      ['run without vendor and databases', ms(report.ownP50Ms), ''],
    ],
    1,
  );
  const parts = columns(
    [
      ['where the time went, mean ms', 'run', 'bare'],
      ['workflow tasks wait', ms(where.workflowTaskWaitsMs), ms(bareWhere.workflowTaskWaitsMs)],
      ['workflow tasks', ms(where.workflowTaskMs), ms(bareWhere.workflowTaskMs)],
      ['activities wait to be started', ms(where.activityWaitsMs), ms(bareWhere.activityWaitsMs)],
      ['vendor', ms(where.vendorMs), ''],
      ['databases', ms(where.databaseMs), ''],
      ['activities otherwise', ms(where.restOfActivitiesMs), ms(bareWhere.activitiesMs)],
    ],
    1,
  );
  const rows = (list: Report['byActivity'] | Report['path']) =>
    list.map((row) => [
      row.activity,
      'perRun' in row ? String(row.perRun) : '',
      ...[row.waitsMs, row.ms, row.vendorMs, row.databaseMs].map(ms),
    ]);
  const header = ['a run', 'waits ms', 'ms', 'vendor ms', 'database ms'];
  return [
    head,
    `${report.ratioToBare} × bare without vendor and databases; ${report.activities} activities in ${report.waves.length} waves, ${report.actions} Temporal actions, ${report.events} events, ${report.historyBytes} bytes of history\n`,
    parts,
    columns([['activity', ...header], ...rows(report.byActivity)], 1),
    columns([['what the end waited for', ...header], ...rows(report.path)], 1),
  ].join('\n');
}
