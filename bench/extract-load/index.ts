import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isAlive } from '../../src/cli/stack/process-table.js';
import type { Bench } from '../main.js';
import { startMeter } from '../measure.js';
import { onStage } from '../on-stage.js';
import { positive } from '../options.js';
import type { Stage } from '../servers.js';
import {
  type Contestant,
  type ContestantName,
  contestantNames,
  type Phase,
  phases,
  type Scene,
} from './contestant.js';
import { openDlt } from './dlt-contestant.js';
import type { Counts } from './orders.js';
import { openPipeline } from './pipeline-contestant.js';
import { openRaw } from './raw-contestant.js';
import { createReport, detailsOf, type Measured, summaryOf } from './report.js';
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
  readonly wanted: readonly Phase[];
  readonly json: boolean;
  readonly keep: boolean;
  readonly profiles: string | null;
  /** The file for what does not stand in the last line. */
  readonly details: string | null;
}

export const extractLoad: Bench = {
  name: 'extract-load',
  summary: 'Orders from a generated API into PostgreSQL, beside what raw code and dlt take for the same.',
  usage:
    '[--records 200000] [--page 1000] [--repeat 1] [--only raw,pipeline,dlt] [--phases first,again,changes] [--cpu-prof DIR] [--details FILE] [--json] [--keep]',
  async run(args) {
    const options = optionsOf(args);
    await onStage(options, (stage, say) => measureAll(stage, options, say));
  },
};

async function measureAll(stage: Stage, options: Options, say: (line: string) => void): Promise<object> {
  const { records, pageSize, profiles } = options;
  say(`generating ${records} orders`);
  const vendor = await startVendor(stage, records, pageSize);
  const scene: Scene = { stage, vendor, records, pageSize, profiles, say };
  const measured: Measured[] = [];
  for (let turn = 0; turn < options.repeat; turn += 1)
    for (const name of contestantNames.filter((candidate) => options.only.includes(candidate)))
      measured.push(...(await measure(name, scene, options.wanted)));
  const report = createReport(measured);
  say(`\n${tableOf(report)}`);
  const setting = { records, pageSize, meanBytes: await vendor.meanBytes() };
  const summary = summaryOf(report, setting);
  if (options.details !== null)
    writeFileSync(
      options.details,
      `${JSON.stringify({ ...summary, ...detailsOf(report, setting) }, null, 1)}\n`,
    );
  return summary;
}

/** All phases of one contestant, on the orders as seeded. */
async function measure(name: ContestantName, scene: Scene, wanted: readonly Phase[]): Promise<Measured[]> {
  const { stage, vendor, say } = scene;
  await vendor.reset();
  const contestant = await open[name](scene);
  if (contestant === null) return [];
  const measured: Measured[] = [];
  let changed: Counts | null = null;
  for (const [round, phase] of wanted.entries()) {
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
      phases: { type: 'string', default: phases.join(',') },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      'cpu-prof': { type: 'string' },
      details: { type: 'string' },
    },
  });
  const profiles = values['cpu-prof'] === undefined ? null : path.resolve(values['cpu-prof']);
  if (profiles !== null) mkdirSync(profiles, { recursive: true });
  return {
    records: positive('records', values.records),
    pageSize: positive('page', values.page),
    repeat: positive('repeat', values.repeat),
    only: someOf('only', contestantNames, values.only),
    wanted: wantedPhases(values.phases),
    json: values.json,
    keep: values.keep,
    profiles,
    details: values.details === undefined ? null : path.resolve(values.details),
  };
}

function someOf<T extends string>(name: string, known: readonly T[], text: string): T[] {
  return text.split(',').map((word) => {
    const found = known.find((candidate) => candidate === word.trim());
    if (found === undefined) throw new Error(`--${name} names some of ${known.join(', ')}; not "${word}"`);
    return found;
  });
}

/** In their order; nothing can be loaded again that has not been loaded. */
function wantedPhases(text: string): Phase[] {
  const named = someOf('phases', phases, text);
  return phases.filter((phase) => phase === 'first' || named.includes(phase));
}
