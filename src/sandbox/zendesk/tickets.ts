import { isoSeconds, type SandboxClock } from '../clock.js';
import type { Journal } from '../journal.js';

export interface Comment {
  readonly id: number;
  readonly ticketId: number;
  readonly body: string;
  readonly public: boolean;
  readonly createdAt: string;
}

/** A ticket as kept; `view` makes the vendor's shape of it. */
export interface Ticket {
  readonly id: number;
  readonly externalId: string | null;
  readonly subject: string;
  readonly description: string;
  readonly status: string;
  readonly priority: string | null;
  readonly type: string | null;
  readonly tags: readonly string[];
  readonly requesterId: number;
  readonly groupId: number | null;
  readonly assigneeId: number | null;
  readonly customFields: readonly unknown[];
  readonly createdAt: string;
  readonly updatedAt: string;
  /** When the ticket last changed in milliseconds, for the export's order and the search index. */
  readonly changedMs: number;
}

/** What an idempotency key stands for, remembered for two hours. */
export interface RememberedKey {
  readonly key: string;
  readonly bodyHash: string;
  readonly ticketId: number;
  readonly atMs: number;
}

export type TicketFields = Omit<Ticket, 'id' | 'createdAt' | 'updatedAt' | 'changedMs'>;

export interface TicketStore {
  /** Ascending by id. */
  all(): readonly Ticket[];
  find(id: number): Ticket | undefined;
  comments(ticketId: number): readonly Comment[];
  create(
    fields: TicketFields,
    isPublic: boolean,
    key: Omit<RememberedKey, 'ticketId' | 'atMs'> | null,
  ): Ticket;
  update(
    ticket: Ticket,
    change: Partial<TicketFields>,
    comment: { body: string; public: boolean } | null,
  ): Ticket;
  remembered(key: string): RememberedKey | undefined;
}

const firstTicketId = 1001;
const rememberMs = 2 * 3_600_000;

export function createTicketStore(journal: Journal, clock: SandboxClock): TicketStore {
  const tickets = new Map<number, Ticket>();
  const comments = new Map<number, Comment[]>();
  const keys = new Map<string, RememberedKey>();
  let commentCount = 0;

  const put = journal.register<{ ticket: Ticket; comment: Comment | null; key: RememberedKey | null }>(
    'zendesk.ticket',
    ({ ticket, comment, key }) => {
      tickets.set(ticket.id, ticket);
      if (comment !== null) {
        comments.set(ticket.id, [...(comments.get(ticket.id) ?? []), comment]);
        commentCount += 1;
      }
      if (key !== null) keys.set(key.key, key);
    },
  );

  function comment(ticketId: number, body: string, isPublic: boolean): Comment {
    const id = 90_000 + commentCount + 1;
    return { id, ticketId, body, public: isPublic, createdAt: isoSeconds(clock.ms()) };
  }

  return {
    all: () => [...tickets.values()],
    find: (id) => tickets.get(id),
    comments: (ticketId) => comments.get(ticketId) ?? [],
    create(fields, isPublic, key) {
      const id = firstTicketId + tickets.size;
      const now = isoSeconds(clock.ms());
      const ticket: Ticket = { id, ...fields, createdAt: now, updatedAt: now, changedMs: clock.ms() };
      const remembered = key === null ? null : { ...key, ticketId: id, atMs: clock.ms() };
      put({ ticket, comment: comment(id, fields.description, isPublic), key: remembered });
      return ticket;
    },
    update(before, change, said) {
      const ticket: Ticket = {
        ...before,
        ...change,
        updatedAt: isoSeconds(clock.ms()),
        changedMs: clock.ms(),
      };
      const spoken = said === null ? null : comment(before.id, said.body, said.public);
      put({ ticket, comment: spoken, key: null });
      return ticket;
    },
    remembered(key) {
      const found = keys.get(key);
      return found === undefined || clock.ms() - found.atMs >= rememberMs ? undefined : found;
    },
  };
}
