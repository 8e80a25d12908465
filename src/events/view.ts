import type { InboxRow } from '../control/inbox.js';

/** An event as it is shown to others: all but its bytes and headers. */
export function eventView(event: InboxRow) {
  return {
    id: event.event_id,
    tenant: event.tenant,
    connection: event.connection,
    type: event.type,
    subject: event.subject,
    deliveryId: event.delivery_id,
    state: event.state,
    detail: event.detail,
    rule: event.rule,
    consumer: event.consumer,
    attempts: event.attempts,
    bytes: event.body.length,
    sha256: event.sha256,
    occurredAt: event.occurred_at?.toISOString() ?? null,
    acceptedAt: event.accepted_at.toISOString(),
    endedAt: event.ended_at?.toISOString() ?? null,
    landedAt: event.landed_at?.toISOString() ?? null,
    lakeKey: event.lake_key,
  };
}
