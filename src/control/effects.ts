import { createHash } from 'node:crypto';
import { type Database, query } from '../database/postgres.js';
import { type EffectState, sendTimeoutMs, sendWindowMs } from '../domain/effect.js';

/** A row of control.effects; times as Date. `body` is frozen from the first write on. */
export interface EffectRow {
  readonly key: string;
  readonly tenant: string;
  readonly cause: string;
  readonly action: string;
  readonly ordinal: string;
  readonly episode: number;
  readonly connection: string;
  readonly kind: EffectKind;
  readonly guarantee: string;
  readonly marker: string;
  readonly body: unknown;
  readonly state: EffectState;
  readonly epoch: number;
  readonly attempts: number;
  readonly absent_looks: number;
  readonly first_sent_at: Date | null;
  readonly dead_at: Date | null;
  readonly due_at: Date;
  readonly parked_at: Date | null;
  readonly remote_id: string | null;
  readonly remote_url: string | null;
  readonly adopted: boolean;
  readonly doubtful: boolean;
  readonly duplicates: number;
  readonly last_error: string | null;
  readonly run_id: string;
  readonly confirmed_run: string | null;
  readonly confirmed_at: Date | null;
  readonly created_at: Date;
  /** The ticket that an update is for, once its opening is confirmed. */
  readonly ticket_remote_id: string | null;
  /** The database's clock when the row was read, in milliseconds: all of the ledger's times are of that clock. */
  readonly now_ms: string;
}

export type EffectKind = 'ticket.open' | 'ticket.update' | 'message.send';

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

export type EffectStore = ReturnType<typeof createEffectStore>;

const finalStates = `('confirmed','held','dead')`;

/** The effect ledger. */
export function createEffectStore(control: Database) {
  const { knex } = control;

  return {
    /** Stores intents with their frozen bodies; one that is there already stays as it is. Answers how many are new. */
    intend(intents: readonly Intent[]): Promise<number> {
      return control.guard('storing intents', () =>
        knex.transaction(async (trx) => {
          let added = 0;
          for (const intent of intents) {
            const key = effectKey(intent);
            const { rowCount } = await trx.raw(
              `INSERT INTO control.effects (key, tenant, cause, action, ordinal, episode, connection, kind, guarantee,
                                            marker, body, run_id)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`,
              [
                key,
                intent.tenant,
                intent.cause,
                intent.action,
                intent.ordinal,
                intent.episode,
                intent.connection,
                intent.kind,
                intent.guarantee,
                effectMarker(key),
                JSON.stringify(intent.body),
                intent.runId,
              ],
            );
            added += rowCount;
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
          }
          return added;
        }),
      );
    },

    /**
     * Effects of a connection that are not at their end, oldest first. `run`: tickets not yet
     * parked, also those of a run that died. `drain`: parked ones and messages. Updates wait until their ticket's opening is confirmed.
     */
    pending(filter: {
      connection: string;
      tenant: string;
      series: 'run' | 'drain';
      limit: number;
    }): Promise<EffectRow[]> {
      const mine =
        filter.series === 'run'
          ? `e.parked_at IS NULL AND e.kind <> 'message.send'`
          : `(e.parked_at IS NOT NULL OR e.kind = 'message.send')`;
      return control.guard('reading the ledger', async () => {
        const { rows } = await query<EffectRow>(
          knex,
          `SELECT e.*, t.remote_id AS ticket_remote_id, extract(epoch FROM clock_timestamp()) * 1000 AS now_ms FROM control.effects e
           LEFT JOIN control.tickets t ON e.kind = 'ticket.update' AND t.tenant = e.tenant AND t.cause = e.cause AND t.episode = e.episode
           WHERE e.connection = :connection AND e.tenant = :tenant AND e.state NOT IN ${finalStates} AND ${mine}
             AND (e.kind <> 'ticket.update' OR t.remote_id IS NOT NULL)
           ORDER BY e.created_at, e.key LIMIT :limit`,
          {
            connection: filter.connection,
            tenant: filter.tenant,
            limit: filter.limit,
          },
        );
        return rows;
      });
    },

    /**
     * Takes the row for one send: compare-and-set on the epoch, committed before the first byte leaves. Null when
     * another sender was faster. `body` is the frozen one, the ticket's id filled in at the first send.
     */
    claim(effect: EffectRow, body: unknown): Promise<{ epoch: number; firstSentAt: Date } | null> {
      return control.guard('claiming an effect', async () => {
        const { rows } = await knex.raw(
          `UPDATE control.effects SET state = 'sending', epoch = epoch + 1, attempts = attempts + 1, absent_looks = 0,
                  first_sent_at = coalesce(first_sent_at, now()), updated_at = now(),
                  doubtful = doubtful OR state IN ('sending', 'unknown', 'absent'),
                  body = CASE WHEN first_sent_at IS NULL THEN ?::jsonb ELSE body END,
                  dead_at = now() + ? * interval '1 millisecond'
           WHERE key = ? AND epoch = ? AND state = ? RETURNING epoch, first_sent_at`,
          [JSON.stringify(body), sendWindowMs + sendTimeoutMs, effect.key, effect.epoch, effect.state],
        );
        const [row] = rows;
        return row === undefined ? null : { epoch: row.epoch, firstSentAt: row.first_sent_at };
      });
    },

    /** Writes what a send or a look came to, if this sender still holds the row. False = someone else does. */
    settle(
      effect: Pick<EffectRow, 'key' | 'kind' | 'tenant' | 'cause' | 'episode'>,
      epoch: number,
      outcome: {
        state: EffectState;
        remoteId?: string;
        remoteUrl?: string | null;
        adopted?: boolean;
        absentLooks?: number;
        delayMs?: number;
        error?: string;
        runId?: string | null;
        doubtful?: boolean;
      },
    ): Promise<boolean> {
      return control.guard('writing an outcome', () =>
        knex.transaction(async (trx) => {
          const { rows } = await query<{ body: unknown }>(
            trx,
            `UPDATE control.effects SET state = :state, remote_id = coalesce(:remoteId, remote_id),
                    remote_url = coalesce(:remoteUrl, remote_url), adopted = adopted OR :adopted, absent_looks = :absentLooks,
                    last_error = CASE WHEN :state = 'confirmed' THEN last_error ELSE :error END,
                    doubtful = doubtful OR :doubtful,
                    due_at = now() + :delayMs * interval '1 millisecond', updated_at = now(), dead_at = NULL,
                    confirmed_at = CASE WHEN :state = 'confirmed' THEN now() END,
                    confirmed_run = CASE WHEN :state = 'confirmed' THEN :runId END
             WHERE key = :key AND epoch = :epoch AND state NOT IN ${finalStates}
             RETURNING body`,
            {
              state: outcome.state,
              remoteId: outcome.remoteId ?? null,
              remoteUrl: outcome.remoteUrl ?? null,
              adopted: outcome.adopted ?? false,
              absentLooks: outcome.absentLooks ?? 0,
              error: outcome.error ?? null,
              doubtful: outcome.doubtful ?? outcome.state === 'unknown',
              delayMs: outcome.delayMs ?? 0,
              runId: outcome.runId ?? null,
              key: effect.key,
              epoch,
            },
          );
          const [row] = rows;
          if (row === undefined) return false;
          const ticket = ticketChange(effect.kind, outcome.state, row.body);
          if (ticket !== null)
            await trx.raw(
              `UPDATE control.tickets SET state = ?, remote_id = coalesce(?, remote_id), remote_url = coalesce(?, remote_url),
                      resolved_by = CASE WHEN ? = 'resolved' THEN ? ELSE resolved_by END, updated_at = now()
               WHERE tenant = ? AND cause = ? AND episode = ?`,
              [
                ticket,
                effect.kind === 'ticket.open' ? (outcome.remoteId ?? null) : null,
                effect.kind === 'ticket.open' ? (outcome.remoteUrl ?? null) : null,
                ticket,
                outcome.runId ?? null,
                effect.tenant,
                effect.cause,
                effect.episode,
              ] as string[],
            );
          return true;
        }),
      );
    },

    /** Leaves what a run could not send to the drainer; answers how many that are. */
    park(connection: string, tenant: string): Promise<number> {
      return control.guard('parking effects', async () => {
        const { rowCount } = await knex.raw(
          `UPDATE control.effects SET parked_at = now(), updated_at = now()
           WHERE connection = ? AND tenant = ? AND parked_at IS NULL AND state NOT IN ${finalStates} AND kind <> 'message.send'`,
          [connection, tenant],
        );
        return rowCount;
      });
    },

    /** Effects once in doubt, confirmed at least `ageMs` ago and not yet swept for surplus copies. */
    unswept(connection: string, tenant: string, ageMs: number): Promise<{ due: EffectRow[]; later: number }> {
      return control.guard('reading the ledger', async () => {
        const { rows } = await knex.raw(
          `SELECT e.*, NULL AS ticket_remote_id, confirmed_at <= now() - ? * interval '1 millisecond' AS is_due
           FROM control.effects e WHERE connection = ? AND tenant = ? AND doubtful AND swept_at IS NULL AND state = 'confirmed'`,
          [ageMs, connection, tenant],
        );
        const due = rows.filter((row: { is_due: boolean }) => row.is_due);
        return { due, later: rows.length - due.length };
      });
    },

    async swept(key: string, kept: string, duplicates: number): Promise<void> {
      await control.guard('noting a sweep', () =>
        knex.raw(
          'UPDATE control.effects SET swept_at = now(), remote_id = ?, duplicates = duplicates + ? WHERE key = ?',
          [kept, duplicates, key],
        ),
      );
    },

    /** What a run's tickets came to, by action; and how many of its effects wait for the drainer. */
    countsOfRun(
      runId: string,
    ): Promise<{ opened: number; updated: number; resolved: number; parked: number; dead: number }> {
      return control.guard('counting effects', async () => {
        const { rows } = await knex.raw(
          `SELECT count(*) FILTER (WHERE state = 'confirmed' AND action = 'open')::int AS opened,
                  count(*) FILTER (WHERE state = 'confirmed' AND action = 'comment')::int AS updated,
                  count(*) FILTER (WHERE state = 'confirmed' AND action = 'resolve')::int AS resolved,
                  count(*) FILTER (WHERE parked_at IS NOT NULL AND state NOT IN ${finalStates})::int AS parked,
                  count(*) FILTER (WHERE state = 'dead')::int AS dead
           FROM control.effects WHERE (run_id = ? OR confirmed_run = ?) AND kind LIKE 'ticket.%'
             AND (state <> 'confirmed' OR confirmed_run = ?)`,
          [runId, runId, runId],
        );
        return rows[0];
      });
    },

    list(filter: { runId?: string; state?: string; limit: number }): Promise<EffectRow[]> {
      return control.guard('listing effects', async () => {
        const query = knex('control.effects').select('*').orderBy('created_at', 'desc').limit(filter.limit);
        if (filter.runId !== undefined) query.where('run_id', filter.runId);
        if (filter.state === 'skipped')
          query.whereNotNull('parked_at').whereNotIn('state', ['confirmed', 'held', 'dead']);
        else if (filter.state !== undefined) query.where('state', filter.state);
        return query;
      });
    },
  };
}

function ticketChange(
  kind: EffectKind,
  state: EffectState,
  body: unknown,
): 'open' | 'resolved' | 'dead' | null {
  if (kind === 'ticket.open') return state === 'confirmed' ? 'open' : state === 'dead' ? 'dead' : null;
  const solved = (body as { status?: unknown } | null)?.status === 'solved';
  return kind === 'ticket.update' && state === 'confirmed' && solved ? 'resolved' : null;
}
