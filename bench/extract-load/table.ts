import { columns } from '../columns.js';
import { type ContestantName, contestantNames, type Phase, phases } from './contestant.js';
import { type Measured, othersShare, type Report, recordsPerSecond } from './report.js';

const servers = ['postgres', 'temporal', 'api'];
/** More than this many processors busy with something else make wall times doubtful. */
const muchNoise = 0.15;

const phaseTitles: Readonly<Record<Phase, string>> = {
  first: 'first load',
  again: 'all again, 10 % changed',
  changes: 'only the changes',
};

/** What a person reads: the contestants beside each other, and where the time went. */
export function tableOf(report: Report): string {
  const order: readonly ContestantName[] = contestantNames;
  const loads = phases.flatMap((phase) => order.flatMap((name) => report.of(name, phase) ?? []));
  return [comparison(report, loads), stepTable(loads), costLine(report), noiseLine(loads)]
    .filter((part) => part !== '')
    .join('\n');
}

function comparison(report: Report, loads: readonly Measured[]): string {
  const header = [
    '',
    '',
    's',
    'records/s',
    'client CPU s',
    'PostgreSQL',
    'Temporal',
    'API',
    'others',
    'peak MB',
    'ours is',
    'by CPU',
  ];
  const rows = loads.map((load) => {
    const { contestant: name, phase } = load;
    const isOurs = name === 'pipeline';
    return [
      phaseTitles[phase],
      name,
      ...figures(load),
      isOurs ? '' : times(report.speedRatio(name, phase)),
      isOurs ? '' : times(report.cpuRatio(name, phase)),
    ];
  });
  return columns([header, ...rows], 2);
}

function times(ratio: number | null): string {
  return ratio === null ? '' : `${ratio.toFixed(2)} ×`;
}

function figures(load: Measured): string[] {
  const own = Object.entries(load.usage).filter(([name]) => !servers.includes(name));
  return [
    (load.wallMs / 1000).toFixed(1),
    String(recordsPerSecond(load)),
    own.map(([, { cpuSeconds }]) => cpuSeconds.toFixed(1)).join(' + '),
    ...servers.map((name) => (load.usage[name]?.cpuSeconds ?? 0).toFixed(1)),
    load.othersCpuSeconds.toFixed(1),
    own.map(([, { peakRssMb }]) => peakRssMb.toFixed(0)).join(' + '),
  ];
}

function stepTable(loads: readonly Measured[]): string {
  const rows = loads.flatMap(({ contestant, phase, steps = [] }) =>
    steps.map(({ id, beganAt, endedAt }) => [
      phaseTitles[phase],
      contestant,
      id,
      beganAt.toFixed(2),
      endedAt.toFixed(2),
      (endedAt - beganAt).toFixed(2),
    ]),
  );
  return rows.length === 0 ? '' : columns([['', '', 'step', 'from s', 'to s', 's'], ...rows], 3);
}

function costLine({ of }: Report): string {
  const first = of('pipeline', 'first');
  if (first?.temporal === undefined) return '';
  const { actions, heartbeats, events, largestPayloadBytes } = first.temporal;
  const share = ((actions / first.records) * 100_000).toFixed(1);
  return `Temporal, first load: ${actions} actions, ${heartbeats} of them heartbeats (${share} for 100,000 records); ${events} events; largest payload ${largestPayloadBytes} bytes\n`;
}

function noiseLine(loads: readonly Measured[]): string {
  const most = Math.max(0, ...loads.map(othersShare));
  if (most < muchNoise) return '';
  return `Others kept up to ${most.toFixed(1)} processors busy: compare processor time rather than seconds.\n`;
}
