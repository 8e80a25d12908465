import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import type { Write } from '../connectors/port.js';
import type { Bell } from './bells.js';

/** The writes that go through the ledger: each has one visible effect. */
export type EffectKind = Exclude<Write, 'series.push' | 'sync.start'>;

/** One outward write that is to be made: what the ledger keeps of it before anything is sent. */
export interface Intent {
  readonly tenant: string;
  readonly cause: string;
  readonly action: string;
  readonly ordinal: string;
  readonly episode: number;
  readonly connection: string;
  readonly kind: EffectKind;
  readonly guarantee: string;
  readonly body: unknown;
  readonly runId: string;
  /** It is the drainer's from the beginning: nobody waits for it. */
  readonly parked?: boolean;
  /** Who is to hear when it has come to its end. */
  readonly tell?: Bell;
  /** With a `ticket.open`: the ticket's row. */
  readonly ticket?: { readonly rule: string; readonly subject: string };
}

/** `tenant/cause/action/ordinal`: one visible effect per key, for ever. */
export function effectKey(intent: Pick<Intent, 'tenant' | 'cause' | 'action' | 'ordinal'>): string {
  return [intent.tenant, intent.cause, intent.action, intent.ordinal].join('/');
}

/** What a vendor can carry and we can find: `btn-` and 20 hex digits. */
export function effectMarker(key: string): string {
  return `btn-${createHash('sha256').update(key).digest('hex').slice(0, 20)}`;
}

/** Begins the line of a ticket that holds the key of its opening. */
export const referenceWord = 'Reference: ';

/** The parts of a key; null for a text that is none. Only the cause may hold slashes. */
export function readEffectKey(key: string): Pick<Intent, 'tenant' | 'cause' | 'action' | 'ordinal'> | null {
  const [, tenant, cause, action, ordinal] = /^([^/]+)\/(.+)\/([^/]+)\/([^/]+)$/.exec(key) ?? [];
  if (tenant === undefined || cause === undefined || action === undefined || ordinal === undefined)
    return null;
  return { tenant, cause, action, ordinal };
}

/**
 * Stores an intent, and with an opening its ticket's row; what is there already stays as it is. Answers how many
 * effects are new. An update goes to the desk where its ticket is, and is dead when its ticket is; the ticket's
 * row is locked meanwhile, so that none is stored alive behind the back of a refusal.
 */
export async function insertIntent(trx: Knex.Transaction, intent: Intent): Promise<number> {
  const key = effectKey(intent);
  const { rowCount } = await trx.raw(
    `INSERT INTO control.effects (key, tenant, cause, action, ordinal, episode, connection, kind, guarantee,
                                  marker, body, run_id, parked_at, tell, state, last_error)
     SELECT ?, i.tenant, i.cause, ?, ?, i.episode, coalesce(t.connection, ?), ?, ?, ?, ?, ?,
            CASE WHEN ? THEN now() END, ?,
            CASE WHEN t.state = 'dead' THEN 'dead' ELSE 'intended' END,
            CASE WHEN t.state = 'dead' THEN 'its ticket was refused for good' END
     FROM (SELECT ?::text AS tenant, ?::text AS cause, ?::int AS episode) i
     LEFT JOIN LATERAL (
       SELECT connection, state FROM control.tickets
       WHERE ? AND tenant = i.tenant AND cause = i.cause AND episode = i.episode FOR SHARE
     ) t ON true
     ON CONFLICT (key) DO NOTHING`,
    [
      key,
      intent.action,
      intent.ordinal,
      intent.connection,
      intent.kind,
      intent.guarantee,
      effectMarker(key),
      JSON.stringify(intent.body),
      intent.runId,
      intent.parked === true,
      intent.tell === undefined ? null : JSON.stringify(intent.tell),
      intent.tenant,
      intent.cause,
      intent.episode,
      intent.kind === 'ticket.update',
    ],
  );
  if (intent.ticket !== undefined)
    await trx.raw(
      `INSERT INTO control.tickets (tenant, cause, episode, rule, connection, subject, state, opened_by)
       VALUES (?, ?, ?, ?, ?, ?, 'opening', ?) ON CONFLICT DO NOTHING`,
      [
        intent.tenant,
        intent.cause,
        intent.episode,
        intent.ticket.rule,
        intent.connection,
        intent.ticket.subject,
        intent.runId,
      ],
    );
  return rowCount;
}
