import type { Measurement } from '../measure.js';
import type { ContestantName, Details, Loaded, Phase } from './contestant.js';

/** One measured load. `usage` is by process: the contestant's own, and `postgres`, `temporal`, `api`. */
export interface Measured extends Omit<Loaded, 'check'>, Details, Measurement<string> {
  readonly contestant: ContestantName;
  readonly phase: Phase;
}

export interface Setting {
  readonly records: number;
  readonly pageSize: number;
  /** Of an order as JSON. */
  readonly meanBytes: number;
}

export type Report = ReturnType<typeof createReport>;

/** Answers with the run whose wall time is in the middle: all figures of a row belong together. */
export function createReport(measured: readonly Measured[]) {
  const of = (contestant: ContestantName, phase: Phase) =>
    median(measured.filter((load) => load.contestant === contestant && load.phase === phase));

  function ratio(other: ContestantName, phase: Phase, effort: (load: Measured) => number): number | null {
    const [ours, theirs] = [of('pipeline', phase), of(other, phase)];
    return ours === undefined || theirs === undefined ? null : rounded(effort(theirs) / effort(ours), 3);
  }

  return {
    of,
    /** How many times as fast as the other the pipeline is. */
    speedRatio: (other: ContestantName, phase: Phase) => ratio(other, phase, (load) => load.wallMs),
    /** The same in processor time without the API's: says more than wall time where others share the machine. */
    cpuRatio: (other: ContestantName, phase: Phase) => ratio(other, phase, cpuSeconds),
    measured,
  };
}

/** The object of the last line; null = not measured. Ratios are of wall time: 2 = the pipeline is twice as fast. */
export function summaryOf({ of, speedRatio, measured }: Report, { records, pageSize }: Setting) {
  const first = of('pipeline', 'first');
  return {
    bench: 'extract-load',
    records,
    pageSize,
    recordsPerSecond: first === undefined ? null : recordsPerSecond(first),
    ratioToRaw: speedRatio('raw', 'first'),
    ratioToDlt: speedRatio('dlt', 'first'),
    rerunRatioToRaw: speedRatio('raw', 'again'),
    peakRssMb: first === undefined ? null : Math.round(Math.max(...measured.map(dataWorkerMb))),
    temporalActions: first?.temporal?.actions ?? null,
  };
}

/** All else that is known, for the file of `--details`. */
export function detailsOf({ of, speedRatio, cpuRatio, measured }: Report, setting: Setting): object {
  const first = of('pipeline', 'first');
  const actions = first?.temporal?.actions ?? null;
  return {
    ...setting,
    rerunRatioToDlt: speedRatio('dlt', 'again'),
    incrementalRatioToRaw: speedRatio('raw', 'changes'),
    incrementalRatioToDlt: speedRatio('dlt', 'changes'),
    cpuRatioToRaw: cpuRatio('raw', 'first'),
    rerunCpuRatioToRaw: cpuRatio('raw', 'again'),
    cpuRatioToDlt: cpuRatio('dlt', 'first'),
    temporalActionsPer100000: actions === null ? null : rounded((actions / setting.records) * 100_000, 1),
    historyEvents: first?.temporal?.events ?? null,
    largestPayloadBytes: largestPayload(measured),
    othersCpuShare: rounded(Math.max(0, ...measured.map(othersShare)), 3),
    loads: measured.map(plain),
  };
}

function median(loads: readonly Measured[]): Measured | undefined {
  const sorted = loads.toSorted((a, b) => a.wallMs - b.wallMs);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

export function recordsPerSecond({ records, wallMs }: Pick<Measured, 'records' | 'wallMs'>): number {
  return Math.round(records / (wallMs / 1000));
}

function cpuSeconds({ usage }: Measured): number {
  return Object.entries(usage).reduce((sum, [name, used]) => sum + (name === 'api' ? 0 : used.cpuSeconds), 0);
}

/** How many processors everything else kept busy on average. */
export function othersShare({ othersCpuSeconds, wallMs }: Measured): number {
  return othersCpuSeconds / (wallMs / 1000);
}

function dataWorkerMb({ usage }: Measured): number {
  return usage['worker data']?.peakRssMb ?? 0;
}

function largestPayload(measured: readonly Measured[]): number | null {
  const sizes = measured.flatMap(({ temporal }) => temporal?.largestPayloadBytes ?? []);
  return sizes.length === 0 ? null : Math.max(...sizes);
}

function plain({ contestant, phase, records, wallMs, usage, othersCpuSeconds, steps, temporal }: Measured) {
  const processes = Object.entries(usage).map(([name, used]) => [
    name,
    { cpuSeconds: rounded(used.cpuSeconds, 2), peakRssMb: Math.round(used.peakRssMb) },
  ]);
  const times = steps?.map(({ id, beganAt, endedAt }) => ({
    id,
    beganAt: rounded(beganAt, 2),
    endedAt: rounded(endedAt, 2),
  }));
  return {
    contestant,
    phase,
    records,
    seconds: rounded(wallMs / 1000, 2),
    recordsPerSecond: recordsPerSecond({ records, wallMs }),
    processes: Object.fromEntries(processes),
    othersCpuSeconds: rounded(othersCpuSeconds, 2),
    ...(times === undefined ? {} : { steps: times }),
    ...(temporal === undefined ? {} : { temporal }),
  };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
