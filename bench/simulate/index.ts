import { parseArgs } from 'node:util';
import { columns } from '../columns.js';
import type { Bench } from '../main.js';
import { rounded } from '../statistics.js';
import { costOf, type Demand, demandOf } from './demand.js';
import { type Assumed, assumed as defaults } from './figures.js';
import { type Arrivals, type Played, play } from './scenario.js';

const loads = [0.5, 1, 1.25, 1.5, 2];

export const simulation: Bench = {
  name: 'simulate',
  summary:
    'What so many tenants and orders need, from measured figures, played through queues. Measures nothing.',
  usage:
    '[--tenants 10000] [--ordersPerDay 1000000000] [--runsPerDay 24] [--vendorPerSecond 10] [--seed 1] [--json] …',
  async run(args) {
    const names = Object.keys(defaults) as (keyof Assumed)[];
    const { values } = parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        seed: { type: 'string', default: '1' },
        ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
      },
    });
    const given = values as unknown as Readonly<Record<string, string | undefined>>;
    const assumed = Object.fromEntries(
      names.map((name) => [name, positiveNumber(name, given[name] ?? String(defaults[name]))]),
    ) as Assumed;
    const seed = positiveNumber('seed', values.seed);
    const demand = demandOf(assumed);
    const played = (['spread', 'together'] as const).flatMap((arrivals: Arrivals) =>
      loads.map((load) => play(demand, assumed, { arrivals, load, seed })),
    );
    if (!values.json) process.stderr.write(`${tableOf(assumed, demand, played)}\n`);
    const cost = costOf(assumed, demand);
    process.stdout.write(`${JSON.stringify({ bench: 'simulate', seed, assumed, demand, cost, played })}\n`);
  },
};

function positiveNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`--${name} is a number above 0, not "${text}"`);
}

function tableOf(assumed: Assumed, demand: Demand, played: readonly Played[]): string {
  const sized = demand.parts.map(({ name, secondsPerRun, servers }) => {
    const load = (demand.runsPerSecond * secondsPerRun) / servers;
    return [name, rounded(secondsPerRun, 4), servers, rounded(load, 3), `${rounded(1 / load, 2)} ×`];
  });
  const need: readonly (readonly [string, number, number])[] = [
    ['runs a day', demand.runs, 0],
    ['runs a second', demand.runsPerSecond, 2],
    ['orders a run', demand.ordersPerRun, 0],
    ['Temporal actions a day', demand.actionsPerDay, 0],
    ['Temporal actions a second', demand.actionsPerSecond, 1],
    ['GB of history a day', demand.historyGbPerDay, 1],
    [`GB of history in ${assumed.retentionDays} days`, demand.historyGbKept, 0],
    ['lake objects a day', demand.objectsPerDay, 0],
    ['TB landed a day', demand.lakeTbPerDay, 2],
    ['TB of orders for the warehouse a day', demand.warehouseTbPerDay, 2],
    ['calls at vendors a day', demand.callsPerDay, 0],
    ['s of a run at its vendor’s quota', demand.vendorSecondsPerRun, 1],
    ['hours to read a tenant’s year again', demand.backfillHoursPerYear, 1],
  ];
  const dollars = Object.entries(costOf(assumed, demand)).map(([name, value]) => [name, value.toFixed(4)]);
  return [
    columns(
      [['needed', ''], ...need.map(([what, value, digits]) => [what, String(rounded(value, digits))])],
      1,
    ),
    columns(
      [['shared part', 's a run', 'servers', 'load', 'gives way at'], ...sized.map((row) => row.map(String))],
      1,
    ),
    columns(
      [
        [
          'due',
          'load',
          'runs',
          'p50 s',
          'p95 s',
          'all done s',
          ...demand.parts.map(({ name }) => `${name} busy`),
        ],
        ...played.map((one) => [
          one.arrivals,
          String(one.load),
          String(one.runs),
          ...[one.p50, one.p95, one.allDone].map((seconds) => seconds.toFixed(1)),
          ...demand.parts.map(({ name }) => (one.busy[name] ?? 0).toFixed(3)),
        ]),
      ],
      1,
    ),
    columns([['US dollars for a million orders', ''], ...dollars], 1),
  ].join('\n');
}
