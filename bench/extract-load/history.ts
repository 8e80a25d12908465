import { Client, Connection, type WorkflowHandle } from '@temporalio/client';

/** What a run cost at the Temporal server. */
export interface TemporalCost {
  /** Billable actions: see `actionsOf`. */
  readonly actions: number;
  readonly heartbeats: number;
  readonly events: number;
  readonly largestPayloadBytes: number;
}

/**
 * Temporal Cloud's actions of one execution, https://docs.temporal.io/cloud/actions: its start, each attempt of
 * an activity, each timer, signal, update, upsert of search attributes, side effect, child (two), continue-as-new
 * and schedule action. All of these are events, except that of an activity's attempts only the last is one, which
 * says how many there were. Heartbeats and queries are actions too and are in no history: the heartbeats that
 * reached the server come from its metrics; the bench makes no queries. Workflow tasks and results are free.
 */
const actionsOf: Readonly<Record<string, number>> = {
  workflowExecutionStartedEventAttributes: 1,
  timerStartedEventAttributes: 1,
  workflowExecutionSignaledEventAttributes: 1,
  signalExternalWorkflowExecutionInitiatedEventAttributes: 1,
  workflowExecutionUpdateAcceptedEventAttributes: 1,
  upsertWorkflowSearchAttributesEventAttributes: 1,
  workflowPropertiesModifiedEventAttributes: 0,
  markerRecordedEventAttributes: 1,
  startChildWorkflowExecutionInitiatedEventAttributes: 2,
};

export async function costOf(address: string, workflowId: string, heartbeats: number): Promise<TemporalCost> {
  const connection = await Connection.connect({ address });
  try {
    const { events } = await new Client({ connection }).workflow.getHandle(workflowId).fetchHistory();
    return costOfEvents(events ?? [], heartbeats);
  } finally {
    await connection.close();
  }
}

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
export type HistoryEvent = NonNullable<History['events']>[number];

export function costOfEvents(events: readonly HistoryEvent[], heartbeats: number): TemporalCost {
  let actions = heartbeats;
  for (const event of events) {
    actions += event.activityTaskStartedEventAttributes?.attempt ?? 0;
    for (const [attributes, cost] of Object.entries(actionsOf))
      if (event[attributes as keyof typeof event] != null) actions += cost;
  }
  return { actions, heartbeats, events: events.length, largestPayloadBytes: largestPayload(events) };
}

/** The longest `data` of anything that is a payload, wherever it stands. */
function largestPayload(node: unknown): number {
  if (node instanceof Uint8Array || node === null || typeof node !== 'object') return 0;
  if (Array.isArray(node))
    return node.reduce<number>((most, item) => Math.max(most, largestPayload(item)), 0);
  const own = 'data' in node && node.data instanceof Uint8Array ? node.data.length : 0;
  return Object.values(node).reduce<number>((most, item) => Math.max(most, largestPayload(item)), own);
}

/** How many heartbeats the server has taken so far, from its own metrics. */
export function heartbeatsIn(metrics: string): number {
  return metrics
    .split('\n')
    .filter(
      (line) => /^service_requests\{/.test(line) && line.includes('operation="RecordActivityTaskHeartbeat"'),
    )
    .filter((line) => line.includes('service_name="frontend"'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
