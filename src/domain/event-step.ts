import type { ExtractStep } from './plan.js';

/** The name of the stream in which a connection's events are landed. */
export const eventsStream = 'events';
/** What stands for a step where an event's batch needs one: there is no run and no plan behind it. */
export const eventsStepId = 'land_events';

/** How the events of a connection are loaded: `table` is `raw.zendesk_events`. */
export function eventStep(connection: string, table: `raw.${string}`): ExtractStep {
  return {
    id: eventsStepId,
    kind: 'extract',
    title: `land events of ${connection}`,
    dependsOn: [],
    connection,
    stream: eventsStream,
    target: { table, staging: table.replace('.', '_') },
    landing: { layout: 'raw/{connection}/{stream}/{date}/{batch}', watermark: `${eventsStream}@${table}` },
    retry: { retries: 0, delayMs: 0, maxDelayMs: 0 },
    initialValue: null,
    lagMs: null,
    parameters: {},
  };
}
