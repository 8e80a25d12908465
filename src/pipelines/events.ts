import { eventStep } from '../domain/event-step.js';
import { fileStep, filesStream } from '../domain/file-step.js';
import type { Offers, Plan } from '../domain/plan.js';
import { compilePlan } from './index.js';
import { rawTable } from './resilient-elt-pipeline.js';

/** How the events of connections are loaded, as a plan among others: nothing runs it, each batch is a landing of its own. */
function eventsPlan(connections: readonly string[]): Plan {
  const steps = connections.map((connection) => eventStep(connection, rawTable(connection, 'events')));
  return {
    pipeline: 'events',
    description: 'Events into the lake, and from there into the schema raw.',
    receiptStep: steps[0]?.id ?? '',
    concurrency: 1,
    steps,
  };
}

/** How the records of files are loaded: each file is a landing of its own. */
function filesPlan(connections: readonly string[]): Plan {
  const steps = connections.map((connection) => fileStep(connection, rawTable(connection, filesStream)));
  return {
    pipeline: 'files',
    description: 'Records of files into the lake, and from there into the schema raw.',
    receiptStep: steps[0]?.id ?? '',
    concurrency: 1,
    steps,
  };
}

/** All by which something is loaded: the configured pipelines, the events of the connections that have some, and files. */
export function allPlans({ pipelines, connections }: LoadedBy, offers: Offers): Plan[] {
  const hooked = Object.entries(connections).flatMap(([name, { type, webhook }]) =>
    webhook === undefined && type !== 'postgres' ? [] : [name],
  );
  const filed = Object.entries(connections).flatMap(([name, { type }]) => (type === 'files' ? [name] : []));
  return [
    ...Object.keys(pipelines).map((name) => compilePlan(name, pipelines, offers)),
    ...(hooked.length === 0 ? [] : [eventsPlan(hooked)]),
    ...(filed.length === 0 ? [] : [filesPlan(filed)]),
  ];
}

interface LoadedBy {
  readonly pipelines: Readonly<Record<string, object | undefined>>;
  readonly connections: Readonly<
    Record<string, { readonly type?: string; readonly webhook?: object | undefined }>
  >;
}
