import type { Usage } from '../measure.js';
import type { ContestantName, Details, Loaded, Phase } from './contestant.js';

/** One measured load. */
export interface Measured extends Omit<Loaded, 'check'>, Details {
  readonly contestant: ContestantName;
  readonly phase: Phase;
  /** By process: the contestant's own, `postgres`, `temporal`, `api`. */
  readonly usage: Readonly<Record<string, Usage>>;
}

const servers = ['postgres', 'temporal', 'api'];

/** The run whose wall time is in the middle: all its figures belong together. */
function median(loads: readonly Measured[]): Measured | undefined {
  const sorted = loads.toSorted((a, b) => a.wallMs - b.wallMs);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

export function createReport(measured: readonly Measured[]) {
  const of = (contestant: ContestantName, phase: Phase) =>
    median(measured.filter((load) => load.contestant === contestant && load.phase === phase));

  /** How many times as fast as the other one the pipeline is. */
  function ratioTo(other: ContestantName, phase: Phase): number | null {
    const [ours, theirs] = [of('pipeline', phase), of(other, phase)];
    return ours === undefined || theirs === undefined ? null : rounded(theirs.wallMs / ours.wallMs, 3);
  }

  return {
    of,
    ratioTo,
    /** The object of the last line; null = not measured. */
    summary(options: { readonly records: number; readonly pageSize: number; readonly meanBytes: number }) {
      const first = of('pipeline', 'first');
      return {
        bench: 'extract-load',
        ...options,
        recordsPerSecond: first === undefined ? null : recordsPerSecond(first),
        ratioToRaw: ratioTo('raw', 'first'),
        ratioToDlt: ratioTo('dlt', 'first'),
        rerunRatioToRaw: ratioTo('raw', 'again'),
        rerunRatioToDlt: ratioTo('dlt', 'again'),
        incrementalRatioToRaw: ratioTo('raw', 'changes'),
        incrementalRatioToDlt: ratioTo('dlt', 'changes'),
        peakRssMb: first === undefined ? null : peakOf(measured),
        temporalActions: first?.temporal?.actions ?? null,
        historyEvents: first?.temporal?.events ?? null,
        largestPayloadBytes: largestPayload(measured),
        loads: measured.map(plain),
      };
    },
    table: () => `${comparison(of, ratioTo)}\n${stepTable(of('pipeline', 'first'))}`,
  };
}

function recordsPerSecond({ records, wallMs }: Pick<Loaded, 'records' | 'wallMs'>): number {
  return Math.round(records / (wallMs / 1000));
}

/** The data worker's largest in any phase. */
function peakOf(measured: readonly Measured[]): number {
  return Math.round(Math.max(...measured.map(({ usage }) => usage['worker data']?.peakRssMb ?? 0)));
}

function largestPayload(measured: readonly Measured[]): number | null {
  const sizes = measured.flatMap(({ temporal }) => temporal?.largestPayloadBytes ?? []);
  return sizes.length === 0 ? null : Math.max(...sizes);
}

function plain({ contestant, phase, records, wallMs, usage, steps, temporal }: Measured) {
  const processes = Object.entries(usage).map(([name, { cpuSeconds, peakRssMb }]) => [
    name,
    { cpuSeconds: rounded(cpuSeconds, 2), peakRssMb: Math.round(peakRssMb) },
  ]);
  return {
    contestant,
    phase,
    records,
    seconds: rounded(wallMs / 1000, 2),
    recordsPerSecond: recordsPerSecond({ records, wallMs }),
    processes: Object.fromEntries(processes),
    ...(steps === undefined ? {} : { steps: steps.map(plainStep) }),
    ...(temporal === undefined ? {} : { temporal }),
  };
}

const plainStep = ({ id, beganAt, endedAt }: NonNullable<Details['steps']>[number]) => ({
  id,
  beganAt: rounded(beganAt, 2),
  endedAt: rounded(endedAt, 2),
});

type Find = (contestant: ContestantName, phase: Phase) => Measured | undefined;
type Ratio = (other: ContestantName, phase: Phase) => number | null;

const phaseTitles: Readonly<Record<Phase, string>> = {
  first: 'first load',
  again: 'all again, 10 % changed',
  changes: 'only the changes',
};

function comparison(of: Find, ratioTo: Ratio): string {
  const header = [
    '',
    '',
    's',
    'records/s',
    'client CPU s',
    'PostgreSQL',
    'Temporal',
    'API',
    'peak MB',
    'pipeline',
  ];
  const rows = (Object.keys(phaseTitles) as Phase[]).flatMap((phase) =>
    (['raw', 'dlt', 'pipeline'] as const).flatMap((name) => {
      const load = of(name, phase);
      if (load === undefined) return [];
      const ratio = name === 'pipeline' ? null : ratioTo(name, phase);
      return [[phaseTitles[phase], name, ...figures(load), ratio === null ? '' : `${ratio.toFixed(2)} ×`]];
    }),
  );
  return columns([header, ...rows]);
}

function figures(load: Measured): string[] {
  const own = Object.entries(load.usage).filter(([name]) => !servers.includes(name));
  const cpu = own.map(([, { cpuSeconds }]) => cpuSeconds.toFixed(1)).join(' + ');
  const peak = own.map(([, { peakRssMb }]) => peakRssMb.toFixed(0)).join(' + ');
  return [
    (load.wallMs / 1000).toFixed(1),
    String(recordsPerSecond(load)),
    cpu,
    ...servers.map((name) => (load.usage[name]?.cpuSeconds ?? 0).toFixed(1)),
    peak,
  ];
}

function stepTable(load: Measured | undefined): string {
  if (load?.steps === undefined) return '';
  const rows = load.steps.map(({ id, beganAt, endedAt }) => [
    id,
    beganAt.toFixed(2),
    endedAt.toFixed(2),
    (endedAt - beganAt).toFixed(2),
  ]);
  const { temporal } = load;
  const cost =
    temporal === undefined
      ? ''
      : `\nTemporal: ${temporal.actions} actions (${temporal.heartbeats} of them heartbeats), ${temporal.events} events, largest payload ${temporal.largestPayloadBytes} bytes`;
  return `${columns([['first load, by step', 'from s', 'to s', 's'], ...rows])}${cost}\n`;
}

/** Words to the left, numbers to the right. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  const line = (row: readonly string[]) =>
    row.map((cell, at) =>
      /^[a-z]/i.test(rows[1]?.[at] ?? '') ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0),
    );
  return `${rows.map((row) => line(row).join('  ').trimEnd()).join('\n')}\n`;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
