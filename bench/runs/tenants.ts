import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { columns } from '../columns.js';
import type { Bench } from '../main.js';
import { type Measurement, startMeter } from '../measure.js';
import { onStage } from '../on-stage.js';
import { positive } from '../options.js';
import type { Stage } from '../servers.js';
import { mean, rounded } from '../statistics.js';
import { type Fleet, type Outcome, openFleet, tenantNames } from './fleet.js';

const records = 50;

interface Options {
  readonly tenants: number;
  readonly atOnce: number;
  readonly json: boolean;
  readonly keep: boolean;
}

export const tenants: Bench = {
  name: 'tenants',
  summary: 'What a tenant of a mapped run costs: actions, events, bytes of history, seconds and CPU.',
  usage: '[--tenants 200] [--at-once 10] [--json] [--keep]',
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        tenants: { type: 'string', default: '200' },
        'at-once': { type: 'string', default: '10' },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
      },
    });
    const options: Options = {
      ...values,
      tenants: positive('tenants', values.tenants),
      atOnce: positive('at-once', values['at-once']),
    };
    await onStage(options, (stage, say) => measure(stage, options, say));
  },
};

async function measure(stage: Stage, options: Options, say: (line: string) => void): Promise<object> {
  const [warm = '', ...names] = tenantNames(options.tenants + 1);
  const fleet = await openFleet(stage, { tenants: [warm, ...names], records, pageSize: records });
  await oneRun(fleet, warm);
  await stage.postgres.settle();
  await sleep(1_000);
  const meter = await startMeter({
    ...fleet.processes,
    postgres: stage.postgres.pid,
    temporal: stage.temporal.pid,
  });
  const startedMs = performance.now();
  const { executions, runs } = await fleet.runMapped(names, options.atOnce);
  const seconds = (performance.now() - startedMs) / 1000;
  const measurement = await meter.stop();
  const outcomes: Outcome[] = [];
  for (const id of runs) outcomes.push(await fleet.outcome(id));
  await fleet.close();
  const report = reportOf({ outcomes, executions }, seconds, measurement, options);
  say(`\n${tableOf(report)}`);
  return report;
}

async function oneRun(fleet: Fleet, tenant: string): Promise<string> {
  const run = await fleet.startRun(tenant);
  const { state, receipt } = await run.result();
  if (state !== 'succeeded' || receipt.read !== records || receipt.loaded === 0)
    throw new Error(`the run of ${tenant} ended ${state} with ${JSON.stringify(receipt)}`);
  return run.id;
}

function reportOf(
  {
    outcomes,
    executions,
  }: { readonly outcomes: readonly Outcome[]; readonly executions: readonly Outcome[] },
  seconds: number,
  measurement: Measurement<string>,
  { tenants: count, atOnce }: Options,
) {
  const each = (of: (outcome: Outcome) => number) => rounded(mean(outcomes.map(of)), 2);
  const cpu = Object.entries(measurement.usage).map(([name, { cpuSeconds }]) => [
    name,
    rounded((cpuSeconds / count) * 1000, 1),
  ]);
  return {
    bench: 'tenants',
    tenants: count,
    atOnce,
    records,
    seconds: rounded(seconds, 2),
    tenantsPerSecond: rounded(count / seconds, 2),
    parent: {
      executions: executions.length,
      actions: executions.reduce((sum, { cost }) => sum + cost.actions, 0),
      mostEvents: Math.max(...executions.map(({ cost }) => cost.events)),
      mostHistoryBytes: Math.max(...executions.map(({ bytes }) => bytes)),
    },
    eachTenant: {
      // What starts a child is counted where it is started.
      actions: each(({ cost }) => cost.actions - 1),
      events: each(({ cost }) => cost.events),
      historyBytes: each(({ bytes }) => bytes),
      seconds: rounded(each(({ story }) => story.endedMs - story.startedMs) / 1000, 3),
      cpuMs: Object.fromEntries(cpu) as Record<string, number>,
    },
    largestPayloadBytes: Math.max(
      ...[...outcomes, ...executions].map(({ cost }) => cost.largestPayloadBytes),
    ),
    othersCpuSeconds: rounded(measurement.othersCpuSeconds, 1),
  };
}

function tableOf({
  tenants: count,
  atOnce,
  seconds,
  tenantsPerSecond,
  parent,
  eachTenant,
}: ReturnType<typeof reportOf>) {
  const table = columns(
    [
      ['each tenant', ''],
      ['Temporal actions', String(eachTenant.actions)],
      ['events', String(eachTenant.events)],
      ['bytes of history', String(eachTenant.historyBytes)],
      ['s from start to end', String(eachTenant.seconds)],
      ...Object.entries(eachTenant.cpuMs).map(([name, ms]) => [`CPU ms, ${name}`, String(ms)]),
    ],
    1,
  );
  const whole = `The run that is mapped over them: ${parent.actions} actions (${rounded(parent.actions / count, 2)} for each tenant), ${formatExecutions(parent.executions)}, at most ${parent.mostEvents} events and ${parent.mostHistoryBytes} bytes of history`;
  return `${count} tenants of ${records} orders, ${atOnce} at once: ${seconds} s, ${tenantsPerSecond} a second\n\n${table}\n\n${whole}`;
}

function formatExecutions(count: number): string {
  return count === 1 ? 'one execution' : `${count} executions`;
}
