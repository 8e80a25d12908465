import { type Database, query } from '../database/postgres.js';
import { drainId, loaderId } from '../protocol/names.js';
import { hangBells } from './bells.js';

export const letterKinds = ['effect', 'event', 'object', 'file'] as const;
export type LetterKind = (typeof letterKinds)[number];

/** A unit that was given up: it waits for a person. */
export interface DeadLetter {
  readonly kind: LetterKind;
  /** An effect's key, an event's id, the number of what arrived in the lake, a file's id. */
  readonly id: string;
  readonly tenant: string;
  readonly connection: string;
  /** What it was: `ticket.open`, the event's type, the object's key. */
  readonly what: string;
  readonly reason: string | null;
  readonly since: Date;
}

export type DeadLetterStore = ReturnType<typeof createDeadLetterStore>;

/** Where each kind of thing is when it is dead. One place of truth each: nothing is copied. */
const letters = `
  SELECT 'effect' AS kind, key AS id, tenant, connection, kind AS what, last_error AS reason, updated_at AS since
  FROM control.effects WHERE state = 'dead'
  UNION ALL
  SELECT 'event', event_id, tenant, connection, type, detail, coalesce(ended_at, accepted_at)
  FROM control.inbox WHERE state = 'dead'
  UNION ALL
  SELECT 'object', id::text, tenant, connection, coalesce(key, batch_id), reason, coalesce(ended_at, arrived_at)
  FROM control.arrivals WHERE state = 'refused'
  UNION ALL
  SELECT 'file', id, tenant, connection, key, reason, coalesce(ended_at, arrived_at)
  FROM control.files f WHERE state = 'dead' AND NOT EXISTS (
    SELECT FROM control.arrivals a WHERE a.batch_id = f.batch_id AND a.generation = f.generation AND a.state = 'refused')`;

/** Those that nobody has put away. */
export const deadLetters = `SELECT l.* FROM (${letters}) l
  WHERE NOT EXISTS (SELECT FROM control.discards d WHERE d.kind = l.kind AND d.id = l.id)`;

/** Everything that was given up, whatever it is: effects, events, objects of the lake, and files. */
export function createDeadLetterStore(control: Database) {
  const { knex } = control;
  return {
    /** Longest dead first. */
    list(filter: { readonly kind?: LetterKind; readonly limit: number }): Promise<DeadLetter[]> {
      return control.guard('listing dead letters', async () => {
        const { rows } = await query<DeadLetter>(
          knex,
          `SELECT * FROM (${deadLetters}) a WHERE (:kind::text IS NULL OR kind = :kind) ORDER BY since, id LIMIT :limit`,
          { kind: filter.kind ?? null, limit: filter.limit },
        );
        return rows;
      });
    },

    find(kind: LetterKind, id: string): Promise<DeadLetter | null> {
      return control.guard('reading a dead letter', async () => {
        const { rows } = await query<DeadLetter>(
          knex,
          `SELECT * FROM (${deadLetters}) a WHERE kind = :kind AND id = :id`,
          { kind, id },
        );
        return rows[0] ?? null;
      });
    },

    /**
     * Gives a refused effect to its drainer once more; with a ticket's opening, what was to be said to that ticket. Its
     * key is the same, so that a vendor that knows it after all opens nothing twice. False when it is not dead any more.
     */
    replayEffect(key: string): Promise<boolean> {
      return control.guard('replaying an effect', () =>
        knex.transaction(async (trx) => {
          const { rows } = await query<{
            kind: string;
            connection: string;
            tenant: string;
            cause: string;
            episode: number;
          }>(
            trx,
            `UPDATE control.effects SET ${revived} WHERE key = :key AND state = 'dead'
             RETURNING kind, connection, tenant, cause, episode`,
            { key },
          );
          const [effect] = rows;
          if (effect === undefined) return false;
          const { kind, connection, ...ticket } = effect;
          const drainer = {
            workflowId: drainId(connection, ticket.tenant),
            workflowType: 'drainEffects',
            signal: 'effectsParked',
            input: { connection, tenant: ticket.tenant, idleRounds: 0 },
          };
          await hangBells(trx, [drainer], 'others');
          if (kind !== 'ticket.open') return true;
          await query(
            trx,
            `UPDATE control.tickets SET state = 'opening', updated_at = now()
             WHERE tenant = :tenant AND cause = :cause AND episode = :episode AND state = 'dead'`,
            ticket,
          );
          await query(
            trx,
            `UPDATE control.effects SET ${revived} WHERE kind = 'ticket.update' AND state = 'dead'
               AND tenant = :tenant AND cause = :cause AND episode = :episode`,
            ticket,
          );
          return true;
        }),
      );
    },

    /** Has what was refused in the lake loaded once more. False when it is not refused any more. */
    replayObject(id: string): Promise<boolean> {
      return control.guard('replaying an object', () =>
        knex.transaction(async (trx) => {
          const { rows } = await query<{ tenant: string; target: string }>(
            trx,
            `UPDATE control.arrivals SET state = 'waiting', reason = NULL, ended_at = NULL
           WHERE id = :id::bigint AND state = 'refused' RETURNING tenant, target`,
            { id },
          );
          const [queue] = rows;
          if (queue === undefined) return false;
          const { tenant, target } = queue;
          const loader = {
            workflowId: loaderId(tenant, target),
            workflowType: 'loadArrivals',
            signal: 'arrived',
            input: { tenant, target },
          };
          await hangBells(trx, [loader], 'others');
          return true;
        }),
      );
    },

    /** Puts one away for good; doing it again changes nothing. */
    async discard({ kind, id }: Pick<DeadLetter, 'kind' | 'id'>, by: string): Promise<void> {
      await control.guard('putting a dead letter away', () =>
        query(
          knex,
          `INSERT INTO control.discards (kind, id, discarded_by) VALUES (:kind, :id, :by) ON CONFLICT DO NOTHING`,
          { kind, id, by },
        ),
      );
    },
  };
}

/** As one that was refused and may be sent again: it is its drainer's, and begins anew. */
const revived = `state = 'refused', attempts = 0, parked_at = coalesce(parked_at, now()), due_at = now(), updated_at = now()`;
