import { type ControlMeasures, durationBounds } from '../../control/measures.js';
import { finalRunStates, runStates } from '../../protocol/names.js';
import { loadOutcomes } from '../../warehouse/postgres/measures.js';
import type { Measures } from '../readings.js';
import type { Metric, Sample } from './exposition.js';

interface Definition {
  readonly name: Metric['name'];
  readonly type: Metric['type'];
  readonly help: string;
  /** What the reference page says of each label. */
  readonly labels: Readonly<Record<string, string>>;
  samples(measures: Measures): readonly Sample[];
}

/** Every metric of ours. A part that is down has no samples, rather than zeros that would look like news. */
export const definitions: readonly Definition[] = [
  {
    name: 'baton_up',
    type: 'gauge',
    help: 'Whether a part answers and is prepared: 1 or 0.',
    labels: { part: 'control, warehouse or temporal' },
    samples: ({ parts }) => parts.map(({ part, state }) => sample({ part }, state === 'up' ? 1 : 0)),
  },
  {
    name: 'baton_pollers',
    type: 'gauge',
    help: 'Workers that asked Temporal for work of a task queue in the last minutes.',
    labels: { queue: 'task queue' },
    samples: ({ pollers }) => (pollers ?? []).map(({ queue, pollers: count }) => sample({ queue }, count)),
  },
  {
    name: 'baton_runs_total',
    type: 'counter',
    help: 'Ended runs.',
    labels: { pipeline: 'pipeline', state: 'succeeded, partial, failed, cancelled or skipped' },
    samples: ({ control }) => runs(control, true),
  },
  {
    name: 'baton_runs_open',
    type: 'gauge',
    help: 'Runs that have not ended.',
    labels: { pipeline: 'pipeline', state: 'queued, running or waiting' },
    samples: ({ control }) => runs(control, false),
  },
  {
    name: 'baton_run_duration_seconds',
    type: 'histogram',
    help: 'From the start of a run’s work to its end.',
    labels: { pipeline: 'pipeline', le: `at most so many seconds: ${durationBounds.join(', ')}, +Inf` },
    samples: ({ control }) => (control?.durations ?? []).flatMap(histogram),
  },
  {
    name: 'baton_rows_total',
    type: 'counter',
    help: 'Records, by what became of them. The merge’s results add up to what was loaded from the lake.',
    labels: {
      stage: 'extract or merge',
      result: 'read (extract); loaded, unchanged, quarantined, duplicate, stale or filtered (merge)',
    },
    samples: ({ control, warehouse }) => [
      ...(control === null ? [] : [sample({ stage: 'extract', result: 'read' }, control.landed)]),
      ...(warehouse === null
        ? []
        : loadOutcomes.map((result) => sample({ stage: 'merge', result }, warehouse.rows[result]))),
    ],
  },
  {
    name: 'baton_freshness_seconds',
    type: 'gauge',
    help: 'Time since the watermark of what feeds the table, for the tenant furthest behind.',
    labels: { asset: 'table of the warehouse' },
    samples: ({ warehouse }) =>
      (warehouse?.freshness ?? []).map(({ asset, seconds }) => sample({ asset }, seconds)),
  },
  {
    name: 'baton_quarantine_rows',
    type: 'gauge',
    help: 'Records that wait in quarantine.',
    labels: { table: 'table they were meant for' },
    samples: ({ warehouse }) =>
      (warehouse?.quarantine ?? []).map(({ table, waiting }) => sample({ table }, waiting)),
  },
  {
    name: 'baton_open_discrepancies',
    type: 'gauge',
    help: 'Orders that contradict what they should agree with, counted once per rule.',
    labels: {},
    samples: ({ warehouse }) => (warehouse === null ? [] : [sample({}, warehouse.openDiscrepancies)]),
  },
  {
    name: 'baton_effects',
    type: 'gauge',
    help: 'Outward writes in the effect ledger, by where they are in their life.',
    labels: {
      connection: 'connection',
      state: 'intended, sending, confirmed, refused, unknown, absent, held or dead',
    },
    samples: ({ control }) =>
      (control?.effects ?? []).map(({ connection, state, count }) => sample({ connection, state }, count)),
  },
  {
    name: 'baton_dead_letters',
    type: 'gauge',
    help: 'Outward writes, events, files and objects of the lake that were given up and wait for a person.',
    labels: {},
    samples: ({ control }) => (control === null ? [] : [sample({}, control.deadLetters)]),
  },
  {
    name: 'baton_events',
    type: 'gauge',
    help: 'Events in the inbox, by what became of them.',
    labels: {
      connection: 'connection',
      state: 'accepted, dispatched, processed, duplicate, filtered, rejected or dead',
    },
    samples: ({ control }) =>
      (control?.events ?? []).map(({ connection, state, count }) => sample({ connection, state }, count)),
  },
  {
    name: 'baton_inbox_lag_seconds',
    type: 'gauge',
    help: 'How long the oldest event that waits has waited; 0 when none does.',
    labels: {},
    samples: ({ control }) => (control === null ? [] : [sample({}, control.inboxLagSeconds)]),
  },
  {
    name: 'baton_replication_lag_bytes',
    type: 'gauge',
    help: 'What a database has written to its log since the last change that was stored here.',
    labels: { connection: 'connection of type postgres' },
    samples: ({ control }) =>
      (control?.replications ?? []).map(({ connection, lagBytes }) => sample({ connection }, lagBytes)),
  },
  {
    name: 'baton_open_tickets',
    type: 'gauge',
    help: 'Tickets of ours that are not resolved.',
    labels: { connection: 'connection of the helpdesk' },
    samples: ({ control }) =>
      (control?.tickets ?? []).map(({ connection, open }) => sample({ connection }, open)),
  },
  {
    name: 'baton_source_requests_total',
    type: 'counter',
    help: 'Requests to outside systems, of all workers together.',
    labels: { connection: 'connection', status: 'HTTP status, or error when there was no answer' },
    samples: ({ control }) =>
      (control?.requests ?? []).map(({ connection, status, requests }) =>
        sample({ connection, status }, requests),
      ),
  },
  {
    name: 'baton_rate_limit_wait_seconds_total',
    type: 'counter',
    help: 'Time that requests waited so as to keep within a connection’s limit.',
    labels: { connection: 'connection' },
    samples: ({ control }) => waits(control),
  },
  {
    name: 'baton_breaker_state',
    type: 'gauge',
    help: 'Circuit breaker of a connection: 0 closed, 1 half open (one request looks whether it is back), 2 open.',
    labels: { connection: 'connection', tenant: 'the tenant whose own it is, or * for all' },
    samples: ({ control }) =>
      (control?.breakers ?? []).map(({ connection, tenant, level }) => sample({ connection, tenant }, level)),
  },
];

export function measuredMetrics(measures: Measures): readonly Metric[] {
  return definitions.map(({ name, type, help, samples }) => ({
    name,
    type,
    help,
    samples: samples(measures),
  }));
}

function sample(labels: Readonly<Record<string, string>>, value: number): Sample {
  return { labels, value };
}

/** Every state of every pipeline that has run, zeros too: a rate sees the first failure only after a zero. */
function runs(control: ControlMeasures | null, ended: boolean): readonly Sample[] {
  const counted = control?.runs ?? [];
  const states = runStates.filter((state) => finalRunStates.has(state) === ended);
  return [...new Set(counted.map(({ pipeline }) => pipeline))].flatMap((pipeline) =>
    states.map((state) => {
      const found = counted.find((run) => run.pipeline === pipeline && run.state === state);
      return sample({ pipeline, state }, found?.count ?? 0);
    }),
  );
}

function histogram({ pipeline, count, seconds, within }: ControlMeasures['durations'][number]): Sample[] {
  const bucket = (le: string, value: number): Sample => ({
    suffix: '_bucket',
    labels: { pipeline, le },
    value,
  });
  return [
    ...durationBounds.map((bound, index) => bucket(String(bound), within[index] ?? 0)),
    bucket('+Inf', count),
    { suffix: '_sum', labels: { pipeline }, value: seconds },
    { suffix: '_count', labels: { pipeline }, value: count },
  ];
}

function waits(control: ControlMeasures | null): readonly Sample[] {
  const seconds = new Map<string, number>();
  for (const { connection, waitMs } of control?.requests ?? [])
    seconds.set(connection, (seconds.get(connection) ?? 0) + waitMs / 1000);
  return [...seconds].map(([connection, value]) => sample({ connection }, value));
}
