import { type Database, only, query } from '../database/postgres.js';
import { type EffectState, sendTimeoutMs, sendWindowMs } from '../domain/effect.js';
import { type Bell, hangBells } from './bells.js';
import { inboxChannel } from './inbox.js';
import { type EffectKind, type Intent, insertIntent } from './intents.js';

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
  /** The ticket that an update is for, once its opening is confirmed; else null. */
  readonly ticket_remote_id: string | null;
  /** The database's clock when the row was read, in milliseconds: all of the ledger's times are of that clock. */
  readonly now_ms: string;
}

/** A row of control.tickets. */
export interface TicketRow {
  readonly tenant: string;
  readonly cause: string;
  readonly episode: number;
  readonly rule: string;
  readonly connection: string;
  readonly subject: string;
  readonly state: 'opening' | 'open' | 'resolving' | 'resolved' | 'dead';
  readonly remote_id: string | null;
  readonly opened_by: string;
  readonly resolved_by: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export type EffectStore = ReturnType<typeof createEffectStore>;

const finalStates = `('confirmed','held','dead')`;

/** Which effects: what runs send themselves (`run`), or what is left to the drainer, messages included (`drain`). */
export interface SeriesFilter {
  readonly connection: string;
  readonly tenant: string;
  readonly series: 'run' | 'drain';
}

/** From when on the next move may be made: not while a sender may be alive. */
const nextMoveAt = `greatest(e.due_at, CASE WHEN e.state = 'sending' THEN e.dead_at END)`;

const withTicket = `control.effects e
    LEFT JOIN control.tickets t ON e.kind = 'ticket.update' AND t.tenant = e.tenant AND t.cause = e.cause AND t.episode = e.episode`;

/** Updates wait until their ticket's opening is confirmed. */
function isOpen(series: SeriesFilter['series']): string {
  const mine =
    series === 'run'
      ? `e.parked_at IS NULL AND e.kind <> 'message.send'`
      : `(e.parked_at IS NOT NULL OR e.kind = 'message.send')`;
  return `e.state NOT IN ${finalStates} AND ${mine} AND (e.kind <> 'ticket.update' OR t.remote_id IS NOT NULL)`;
}

function openEffects(series: SeriesFilter['series']): string {
  return `FROM ${withTicket} WHERE e.connection = :connection AND e.tenant = :tenant AND ${isOpen(series)}`;
}

function seriesBindings({ connection, tenant }: SeriesFilter) {
  return { connection, tenant };
}

/** The effect ledger. */
export function createEffectStore(control: Database) {
  const { knex } = control;

  return {
    /** Stores intents with their frozen bodies; one that is there already stays as it is. Answers how many are new. */
    intend: (intents: readonly Intent[]): Promise<number> => storeIntents(control, intents),

    /** The ledger of one piece of work, whose statements are cancelled and rolled back when the signal aborts. */
    during(signal: AbortSignal) {
      const own = control.during(signal);
      return { intend: (intents: readonly Intent[]) => storeIntents(own, intents) };
    },

    /** Effects of a series that are due, longest due first: one that keeps failing goes behind those that wait. */
    due(filter: SeriesFilter & { limit: number; attemptsBelow?: number }): Promise<EffectRow[]> {
      return control.guard('reading the ledger', async () => {
        const { rows } = await query<EffectRow>(
          knex,
          `SELECT e.*, t.remote_id AS ticket_remote_id, extract(epoch FROM clock_timestamp()) * 1000 AS now_ms
           ${openEffects(filter.series)} AND ${nextMoveAt} <= now() AND e.attempts < :attempts
           ORDER BY ${nextMoveAt}, e.created_at, e.key LIMIT :limit`,
          { ...seriesBindings(filter), limit: filter.limit, attempts: filter.attemptsBelow ?? 2_000_000_000 },
        );
        return rows;
      });
    },

    /** How many effects of a series are open, when the next is due, and what the first of them last heard. */
    outlook(
      filter: SeriesFilter,
    ): Promise<{ open: number; nextDueMs: number | null; lastError: string | null }> {
      return control.guard('reading the ledger', async () => {
        const { rows } = await query<{ open: number; next: string | null; error: string | null }>(
          knex,
          `SELECT count(*)::int AS open, extract(epoch FROM min(${nextMoveAt}) - now()) * 1000 AS next,
                  (array_agg(e.last_error ORDER BY e.updated_at DESC) FILTER (WHERE e.last_error IS NOT NULL))[1] AS error
           ${openEffects(filter.series)}`,
          seriesBindings(filter),
        );
        const row = only(rows);
        return {
          open: row.open,
          nextDueMs: row.next === null ? null : Math.max(0, Number(row.next)),
          lastError: row.error,
        };
      });
    },

    /** Whose drainers have something to do: they run, or were lost. */
    drainable(): Promise<{ connection: string; tenant: string }[]> {
      return control.guard('reading the ledger', async () => {
        const { rows } = await knex.raw(
          `SELECT DISTINCT e.connection, e.tenant FROM ${withTicket}
           WHERE (${isOpen('drain')}) OR (e.doubtful AND e.swept_at IS NULL AND e.state = 'confirmed' AND e.kind <> 'command.send')`,
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
      return control.guard('writing an outcome', async () => {
        let hung = false;
        const isOurs = await knex.transaction(async (trx) => {
          const { rows } = await query<{ body: unknown; tell: Bell | null }>(
            trx,
            `UPDATE control.effects SET state = :state, remote_id = coalesce(:remoteId, remote_id),
                    remote_url = coalesce(:remoteUrl, remote_url), adopted = adopted OR :adopted, absent_looks = :absentLooks,
                    last_error = CASE WHEN :state = 'confirmed' THEN last_error ELSE :error END,
                    doubtful = doubtful OR :doubtful,
                    due_at = now() + :delayMs * interval '1 millisecond', updated_at = now(), dead_at = NULL,
                    confirmed_at = CASE WHEN :state = 'confirmed' THEN now() END,
                    confirmed_run = CASE WHEN :state = 'confirmed' THEN :runId END
             WHERE key = :key AND epoch = :epoch AND state NOT IN ${finalStates}
             RETURNING body, tell`,
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
          hung = row.tell !== null && (outcome.state === 'confirmed' || outcome.state === 'dead');
          if (row.tell !== null && hung) await hangBells(trx, [row.tell], 'others');
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
          // After the ticket's row, on whose lock an update that is being intended waits.
          if (effect.kind === 'ticket.open' && outcome.state === 'dead')
            await trx.raw(
              `UPDATE control.effects SET state = 'dead', last_error = 'its ticket was refused for good', updated_at = now()
               WHERE kind = 'ticket.update' AND tenant = ? AND cause = ? AND episode = ? AND state NOT IN ${finalStates}`,
              [effect.tenant, effect.cause, effect.episode],
            );
          return true;
        });
        // Those who ring bells look by themselves each second; this spares them the wait.
        if (hung) await knex.raw('SELECT pg_notify(?, ?)', [inboxChannel, '']).catch(() => {});
        return isOurs;
      });
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

    /** Leaves all that a tenant's runs have not sent to the drainers; answers of which connections. */
    parkAll(tenant: string): Promise<string[]> {
      return control.guard('parking effects', async () => {
        const { rows } = await knex.raw(
          `WITH parked AS (UPDATE control.effects SET parked_at = now(), updated_at = now()
             WHERE tenant = ? AND parked_at IS NULL AND state NOT IN ${finalStates} AND kind <> 'message.send' RETURNING connection)
           SELECT DISTINCT connection FROM parked`,
          [tenant],
        );
        return rows.map((row: { connection: string }) => row.connection);
      });
    },

    /** Effects once in doubt, confirmed at least `ageMs` ago and not yet swept for surplus copies. */
    unswept(connection: string, tenant: string, ageMs: number): Promise<{ due: EffectRow[]; later: number }> {
      return control.guard('reading the ledger', async () => {
        const { rows } = await knex.raw(
          `SELECT e.*, NULL AS ticket_remote_id, extract(epoch FROM clock_timestamp()) * 1000 AS now_ms, confirmed_at <= now() - ? * interval '1 millisecond' AS is_due
           FROM control.effects e WHERE connection = ? AND tenant = ? AND doubtful AND swept_at IS NULL AND state = 'confirmed' AND kind <> 'command.send'`,
          [ageMs, connection, tenant],
        );
        const due = rows.filter((row: { is_due: boolean }) => row.is_due);
        return { due, later: rows.length - due.length };
      });
    },

    /**
     * Notes what a sweep kept. A ticket then is the kept one; when it had been resolved meanwhile, on the copy,
     * `resolve` is intended for the kept one, for the drainer.
     */
    swept(
      effect: EffectRow,
      kept: { readonly id: string; readonly url: string | null },
      duplicates: number,
      resolve: Intent | null,
    ): Promise<void> {
      return control.guard('noting a sweep', () =>
        knex.transaction(async (trx) => {
          await trx.raw(
            'UPDATE control.effects SET swept_at = now(), remote_id = ?, duplicates = duplicates + ? WHERE key = ?',
            [kept.id, duplicates, effect.key],
          );
          if (effect.kind !== 'ticket.open' || kept.id === effect.remote_id) return;
          const { rows } = await trx.raw(
            `UPDATE control.tickets SET remote_id = ?, remote_url = coalesce(?, remote_url), updated_at = now()
             WHERE tenant = ? AND cause = ? AND episode = ? RETURNING state`,
            [kept.id, kept.url, effect.tenant, effect.cause, effect.episode] as string[],
          );
          if (rows[0]?.state !== 'resolved' || resolve === null) return;
          await insertIntent(trx, { ...resolve, parked: true });
        }),
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

    /** Each cause's ticket in its latest episode, in the order of tenant and cause, behind `after`. */
    latestTickets(after: Pick<TicketRow, 'tenant' | 'cause'>, limit: number): Promise<TicketRow[]> {
      return control.guard('reading the tickets', async () => {
        const { rows } = await query<TicketRow>(
          knex,
          `SELECT DISTINCT ON (tenant, cause) * FROM control.tickets WHERE (tenant, cause) > (:tenant, :cause)
           ORDER BY tenant, cause, episode DESC LIMIT :limit`,
          { ...after, limit },
        );
        return rows;
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
  if (kind !== 'ticket.update' || state !== 'confirmed') return null;
  const { status } = (body ?? {}) as { status?: unknown };
  return status === 'solved' ? 'resolved' : status === 'open' ? 'open' : null;
}

function storeIntents(control: Database, intents: readonly Intent[]): Promise<number> {
  return control.guard('storing intents', () =>
    control.knex.transaction(async (trx) => {
      let added = 0;
      for (const intent of intents) added += await insertIntent(trx, intent);
      return added;
    }),
  );
}
