import type { InboxRow } from '../control/inbox.js';

/** What a lake key may hold of a stranger's id; the rest is written as its bytes in hex. */
const plain = /[^A-Za-z0-9_.=-]/g;

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

/** A name that cannot leave its folder, and that no two ids share. */
function segment(text: string): string {
  const safe = text.replace(plain, (character) => `+${Buffer.from(character).toString('hex')}`);
  return /^\.+$/.test(safe) ? safe.replaceAll('.', '+2e') : safe.slice(0, 400);
}
