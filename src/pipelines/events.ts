import { eventStep } from '../domain/event-step.js';
import type { Plan } from '../domain/plan.js';
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

/** All by which something is loaded: the configured pipelines, and the events of the connections that take webhooks. */
export function allPlans({ pipelines, connections }: LoadedBy): Plan[] {
  const hooked = Object.entries(connections).flatMap(([name, { webhook }]) =>
    webhook === undefined ? [] : [name],
  );
  return [
    ...Object.keys(pipelines).map((name) => compilePlan(name, pipelines)),
    ...(hooked.length === 0 ? [] : [eventsPlan(hooked)]),
  ];
}

interface LoadedBy {
  readonly pipelines: Readonly<Record<string, object | undefined>>;
  readonly connections: Readonly<Record<string, { readonly webhook?: object | undefined }>>;
}
