import type { InboxRow } from '../control/inbox.js';
import { segment } from '../lake/keys.js';

/**
 * Where an event's bytes become an object of their own: the first event about its subject, and a later one, which has
 * its id in the name. The day is that on which it was accepted, UTC.
 */
export function objectKeys(
  template: string,
  event: Pick<InboxRow, 'connection' | 'tenant' | 'subject' | 'event_id' | 'accepted_at'>,
): { readonly first: string; readonly later: string } {
  const day = event.accepted_at.toISOString();
  const values: Readonly<Record<string, string>> = {
    connection: event.connection,
    tenant: event.tenant,
    year: day.slice(0, 4),
    month: day.slice(5, 7),
    day: day.slice(8, 10),
    subject: segment(event.subject ?? event.event_id),
  };
  const first = template.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
  return { first, later: first.replace(/\.json$/, `.${event.event_id}.json`) };
}
