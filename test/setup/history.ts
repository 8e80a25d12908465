import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';

type Fields = Readonly<Record<string, unknown>>;

/** One activity of a history: when it was asked for, when its last attempt began, and how it came there. */
export interface ActivityStory {
  readonly type: string;
  /** Of its one argument. */
  readonly stepId: string | null;
  readonly scheduledMs: number;
  /** Of the last attempt; null when none began. */
  readonly startedMs: number | null;
  /** When its end was noted; null while it is open. */
  readonly closedMs: number | null;
  readonly attempts: number;
  /** The failure before the last attempt; the time-skipping server does not tell. */
  readonly lastFailure: { readonly type: string; readonly nextRetryDelayMs: number | null } | null;
  readonly outcome: 'completed' | 'failed' | 'canceled' | 'timedOut' | 'open';
  readonly nonRetryable: boolean;
}

/** The activities of a workflow, in the order in which it asked for them. */
export async function activitiesOf(client: Client, workflowId: string): Promise<ActivityStory[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const all = events ?? [];
  return all.flatMap((event) => {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (!scheduled) return [];
    const id = String(event.eventId);
    const of = (fields: { scheduledEventId?: unknown } | null | undefined) =>
      fields != null && String(fields.scheduledEventId) === id;
    const started = all.find((e) => of(e.activityTaskStartedEventAttributes));
    const failed = all.find((e) => of(e.activityTaskFailedEventAttributes));
    const attributes = started?.activityTaskStartedEventAttributes;
    const last = attributes?.lastFailure?.applicationFailureInfo;
    const input = scheduled.input?.payloads?.[0];
    const argument = input ? (defaultPayloadConverter.fromPayload(input) as Fields) : {};
    return [
      {
        type: scheduled.activityType?.name ?? '',
        stepId: (argument['step'] as { id?: string } | undefined)?.id ?? null,
        scheduledMs: millis(event.eventTime) ?? 0,
        startedMs: millis(started?.eventTime),
        closedMs: millis(all.find((e) => of(endOf(e)))?.eventTime),
        attempts: attributes?.attempt ?? 0,
        lastFailure: last ? { type: last.type ?? '', nextRetryDelayMs: millis(last.nextRetryDelay) } : null,
        outcome: failed
          ? 'failed'
          : all.some((e) => of(e.activityTaskCompletedEventAttributes))
            ? 'completed'
            : all.some((e) => of(e.activityTaskCanceledEventAttributes))
              ? 'canceled'
              : all.some((e) => of(e.activityTaskTimedOutEventAttributes))
                ? 'timedOut'
                : 'open',
        nonRetryable:
          failed?.activityTaskFailedEventAttributes?.failure?.applicationFailureInfo?.nonRetryable ?? false,
      } satisfies ActivityStory,
    ];
  });
}

type HistoryEvent = NonNullable<
  Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>['events']
>[number];

function endOf(event: HistoryEvent) {
  return (
    event.activityTaskCompletedEventAttributes ??
    event.activityTaskFailedEventAttributes ??
    event.activityTaskCanceledEventAttributes ??
    event.activityTaskTimedOutEventAttributes
  );
}

function millis(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number | null {
  if (time == null) return null;
  return Number(time.seconds ?? 0) * 1000 + Math.round((time.nanos ?? 0) / 1e6);
}
