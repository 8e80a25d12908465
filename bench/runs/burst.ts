import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { columns } from '../columns.js';
import type { Bench } from '../main.js';
import { type Measurement, startMeter } from '../measure.js';
import { onStage } from '../on-stage.js';
import { positive } from '../options.js';
import type { Stage } from '../servers.js';
import { percentile, rounded } from '../statistics.js';
import { type Fleet, type Outcome, openFleet, tenantNames } from './fleet.js';

/** The first run makes the tables; the second finds them. */
const warmUps = 2;
const records = 50;
/** Histories fetched at once. */
const fetches = 8;

export const burst: Bench = {
  name: 'burst',
  summary: 'Many pipelines started at once: throughput, and how soon each begins, beside bare workflows.',
  usage: '[--pipelines 300] [--json] [--keep]',
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        pipelines: { type: 'string', default: '300' },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
      },
    });
    const pipelines = positive('pipelines', values.pipelines);
    await onStage(values, (stage, say) => measure(stage, pipelines, say));
  },
};

async function measure(stage: Stage, pipelines: number, say: (line: string) => void): Promise<object> {
  const [warm, tenants] = [
    tenantNames(warmUps + pipelines).slice(0, warmUps),
    tenantNames(warmUps + pipelines).slice(warmUps),
  ];
  const fleet = await openFleet(stage, { tenants: [...warm, ...tenants], records, pageSize: records });
  let waves: readonly number[] = [1];
  for (const tenant of warm) {
    const run = await fleet.startRun(tenant);
    await run.result();
    waves = (await fleet.outcome(run.id)).story.waves;
    await (await fleet.startBare(`bare-${tenant}`, waves))();
  }
  say(`${pipelines} runs of ${records} orders at once`);
  const runs = await together(stage, fleet, tenants, async (tenant) => {
    const run = await fleet.startRun(tenant);
    return { id: run.id, end: () => requireWhole(run) };
  });
  say(`${pipelines} bare workflows at once`);
  const bares = await together(stage, fleet, tenants, async (tenant) => {
    const id = `bare-${tenant}`;
    return { id, end: await fleet.startBare(id, waves) };
  });
  await fleet.close();
  const report = { bench: 'burst', pipelines, records, waves, baton: viewOf(runs), bare: viewOf(bares) };
  say(`\n${tableOf(report)}`);
  return report;
}

async function requireWhole(run: Awaited<ReturnType<Fleet['startRun']>>): Promise<void> {
  const { state, receipt } = await run.result();
  if (state !== 'succeeded' || receipt.read !== records || receipt.loaded === 0)
    throw new Error(`${run.id} ended ${state} with ${JSON.stringify(receipt)}`);
}

interface Crowd {
  readonly outcomes: readonly Outcome[];
  readonly measurement: Measurement<string>;
}

/** Starts all as fast as the server takes them, and waits for all. */
async function together(
  stage: Stage,
  fleet: Fleet,
  names: readonly string[],
  start: (name: string) => Promise<{ readonly id: string; end(): Promise<unknown> }>,
): Promise<Crowd> {
  await stage.postgres.settle();
  await sleep(1_000);
  const meter = await startMeter({
    ...fleet.processes,
    postgres: stage.postgres.pid,
    temporal: stage.temporal.pid,
  });
  const started = await Promise.all(names.map(start));
  await Promise.all(started.map(({ end }) => end()));
  const measurement = await meter.stop();
  const outcomes: Outcome[] = [];
  for (let at = 0; at < started.length; at += fetches)
    outcomes.push(...(await Promise.all(started.slice(at, at + fetches).map(({ id }) => fleet.outcome(id)))));
  return { outcomes, measurement };
}

function viewOf({ outcomes, measurement }: Crowd) {
  const stories = outcomes.map(({ story }) => story);
  const seconds =
    (Math.max(...stories.map(({ endedMs }) => endedMs)) -
      Math.min(...stories.map(({ startedMs }) => startedMs))) /
    1000;
  const toFirst = stories.map(
    ({ activities, startedMs }) => Math.min(...activities.map((activity) => activity.startedMs)) - startedMs,
  );
  const wall = stories.map(({ startedMs, endedMs }) => endedMs - startedMs);
  const actions = outcomes.reduce((sum, { cost }) => sum + cost.actions, 0);
  const cpu = Object.entries(measurement.usage).map(([name, { cpuSeconds }]) => [
    name,
    rounded(cpuSeconds, 1),
  ]);
  return {
    seconds: rounded(seconds, 2),
    perSecond: rounded(outcomes.length / seconds, 2),
    activitiesPerSecond: rounded(
      stories.reduce((sum, { activities }) => sum + activities.length, 0) / seconds,
      1,
    ),
    toFirstActivityP50Ms: Math.round(percentile(toFirst, 0.5)),
    toFirstActivityP95Ms: Math.round(percentile(toFirst, 0.95)),
    toEndP50Ms: Math.round(percentile(wall, 0.5)),
    toEndP95Ms: Math.round(percentile(wall, 0.95)),
    actionsEach: rounded(actions / outcomes.length, 2),
    actionsPerSecond: rounded(actions / seconds, 1),
    cpuSeconds: Object.fromEntries(cpu) as Record<string, number>,
    othersCpuSeconds: rounded(measurement.othersCpuSeconds, 1),
  };
}

type View = ReturnType<typeof viewOf>;

function tableOf({ baton, bare }: { readonly baton: View; readonly bare: View }): string {
  const row = (title: string, of: (view: View) => number) => [title, String(of(baton)), String(of(bare))];
  const processes = Object.keys(baton.cpuSeconds);
  return columns(
    [
      ['', 'runs', 'bare'],
      row('s until all have ended', (view) => view.seconds),
      row('workflows a second', (view) => view.perSecond),
      row('activities a second', (view) => view.activitiesPerSecond),
      row('Temporal actions each', (view) => view.actionsEach),
      row('start to first activity, p50 ms', (view) => view.toFirstActivityP50Ms),
      row('start to first activity, p95 ms', (view) => view.toFirstActivityP95Ms),
      row('start to end, p50 ms', (view) => view.toEndP50Ms),
      row('start to end, p95 ms', (view) => view.toEndP95Ms),
      ...processes.map((name) => row(`CPU s, ${name}`, (view) => view.cpuSeconds[name] ?? 0)),
      row('CPU s, others', (view) => view.othersCpuSeconds),
    ],
    1,
  );
}
