import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isAlive } from '../../src/cli/stack/process-table.js';
import type { Bench } from '../main.js';
import { startMeter } from '../measure.js';
import { openStage, type Stage } from '../servers.js';
import { type Contestant, type ContestantName, contestantNames, phases, type Scene } from './contestant.js';
import { openDlt } from './dlt-contestant.js';
import type { Counts } from './orders.js';
import { openPipeline } from './pipeline-contestant.js';
import { openRaw } from './raw-contestant.js';
import { createReport, type Measured, summaryOf } from './report.js';
import { tableOf } from './table.js';
import { startVendor } from './vendor.js';

/** Longer than the second to which the vendor's clock is told: a change is then before the next window's end. */
const settleMs = 2_500;

const open: Readonly<Record<ContestantName, (scene: Scene) => Promise<Contestant | null>>> = {
  raw: openRaw,
  pipeline: openPipeline,
  dlt: openDlt,
};

interface Options {
  readonly records: number;
  readonly pageSize: number;
  readonly repeat: number;
  readonly only: readonly ContestantName[];
  readonly json: boolean;
  readonly keep: boolean;
  readonly profiles: string | null;
}

export const extractLoad: Bench = {
  name: 'extract-load',
  summary: 'Orders from a generated API into PostgreSQL, beside what raw code and dlt take for the same.',
  usage:
    '[--records 200000] [--page 1000] [--repeat 1] [--only raw,pipeline,dlt] [--cpu-prof DIR] [--json] [--keep]',
  async run(args) {
    const options = optionsOf(args);
    const say = options.json ? () => {} : (line: string) => void process.stderr.write(`${line}\n`);
    say('starting PostgreSQL and Temporal');
    let isLeaving = false;
    const opening = openStage({ keep: options.keep, say });
    const leave = () => {
      isLeaving = true;
      const closed = opening.then((stage) => stage.close());
      void closed.catch(() => {}).finally(() => process.exit(130));
    };
    process.once('SIGINT', leave).once('SIGTERM', leave);
    const stage = await opening;
    try {
      await measureAll(stage, options, say);
    } catch (error) {
      if (!isLeaving) throw error;
    } finally {
      await stage.close();
      process.off('SIGINT', leave).off('SIGTERM', leave);
    }
  },
};

async function measureAll(stage: Stage, options: Options, say: (line: string) => void): Promise<void> {
  const { records, pageSize, profiles } = options;
  say(`generating ${records} orders`);
  const vendor = await startVendor(stage, records, pageSize);
  const scene: Scene = { stage, vendor, records, pageSize, profiles, say };
  const measured: Measured[] = [];
  for (let turn = 0; turn < options.repeat; turn += 1)
    for (const name of contestantNames.filter((candidate) => options.only.includes(candidate)))
      measured.push(...(await measure(name, scene)));
  const report = createReport(measured);
  say(`\n${tableOf(report)}`);
  const summary = summaryOf(report, { records, pageSize, meanBytes: await vendor.meanBytes() });
  process.stdout.write(`${JSON.stringify(summary)}\n`);
}

/** All phases of one contestant, on the orders as seeded. */
async function measure(name: ContestantName, scene: Scene): Promise<Measured[]> {
  const { stage, vendor, say } = scene;
  await vendor.reset();
  const contestant = await open[name](scene);
  if (contestant === null) return [];
  const measured: Measured[] = [];
  let changed: Counts | null = null;
  for (const [round, phase] of phases.entries()) {
    if (round > 0) changed = await vendor.change(round);
    await stage.postgres.settle();
    await sleep(settleMs);
    const meter = await startMeter({
      ...contestant.processes,
      postgres: stage.postgres.pid,
      temporal: stage.temporal.pid,
      api: vendor.pid,
    });
    const { check, ...loaded } = await whileAlive(contestant.processes, () => contestant.load(phase));
    const measurement = await meter.stop();
    measured.push({ ...loaded, ...measurement, ...(await check(changed)), contestant: name, phase });
    say(`${name} ${phase}: ${loaded.records} records in ${(loaded.wallMs / 1000).toFixed(1)} s`);
  }
  await contestant.close();
  return measured;
}

/** A process that has ended would be waited for for ever. */
async function whileAlive<T>(
  processes: Readonly<Record<string, number>>,
  work: () => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const watch = async (): Promise<never> => {
    for (;;) {
      await sleep(1_000, undefined, { signal: done.signal });
      for (const [name, pid] of Object.entries(processes))
        if (!isAlive(pid)) throw new Error(`${name} has ended meanwhile; --keep keeps its log`);
    }
  };
  try {
    return await Promise.race([work(), watch()]);
  } finally {
    done.abort();
  }
}

function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: 'string', default: '200000' },
      page: { type: 'string', default: '1000' },
      repeat: { type: 'string', default: '1' },
      only: { type: 'string', default: contestantNames.join(',') },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      'cpu-prof': { type: 'string' },
    },
  });
  const profiles = values['cpu-prof'] === undefined ? null : path.resolve(values['cpu-prof']);
  if (profiles !== null) mkdirSync(profiles, { recursive: true });
  return {
    records: positive('records', values.records),
    pageSize: positive('page', values.page),
    repeat: positive('repeat', values.repeat),
    only: values.only.split(',').map(contestantOf),
    json: values.json,
    keep: values.keep,
    profiles,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} is a whole number above 0, not "${text}"`);
}

function contestantOf(text: string): ContestantName {
  const name = contestantNames.find((candidate) => candidate === text.trim());
  if (name === undefined)
    throw new Error(`--only names some of ${contestantNames.join(', ')}; not "${text}"`);
  return name;
}
