import type { Bell } from '../control/bells.js';
import type { InboxRow, Outcome } from '../control/inbox.js';
import type { Transaction } from '../database/postgres.js';
import type { EventRule } from '../domain/event.js';

/** What events need done besides being landed. One file each in `consumers`; its name stands in `events.rules`. */
export interface Consumer {
  /** At most so many events of a key are handled in one go. */
  readonly most: number;
  /**
   * Handles the waiting events of one key, in order, in the transaction that holds the key: what it stores, the
   * outcomes and the bells are committed together, or not at all. What it throws is tried again later; an event that
   * is at fault itself gets an outcome instead. Takes no longer than seconds, and calls nobody outside.
   */
  handle(events: readonly InboxRow[], context: ConsumerContext): Promise<Handled>;
}

export interface ConsumerContext {
  readonly trx: Transaction;
  /** The rule of that name as it is today; null when there is none any more. */
  readonly rule: (name: string | null) => EventRule | null;
}

export interface Handled {
  readonly outcomes: readonly Outcome[];
  /** Whom to tell that there is something for it. */
  readonly bells: readonly Bell[];
}
