import { type Database, query } from '../database/postgres.js';
import { type Manifest, ordinalOf } from '../lake/parts.js';
import { effectKey, effectMarker, type Intent } from './intents.js';

/** A ticket that was found at its desk, with what is known of it again. */
export interface FoundTicket extends Pick<Intent, 'tenant' | 'cause' | 'ordinal' | 'episode' | 'connection'> {
  readonly rule: string;
  readonly body: { readonly subject: string };
  readonly remoteId: string;
  readonly remoteUrl: string | null;
  readonly openedAt: Date;
  readonly openedBy: string;
  readonly guarantee: { readonly open: string; readonly update: string };
  /** The frozen body of the update by which we solved it; null when we did not. */
  readonly resolved: unknown;
}

export type LedgerRepair = ReturnType<typeof createLedgerRepair>;

/** What puts a lost control database's memory back. Rows that are there stay as they are; each may be repeated. */
export function createLedgerRepair(control: Database) {
  const { knex, guard } = control;

  return {
    /** Whether no run was ever claimed here. */
    isEmpty(): Promise<boolean> {
      return guard('looking into the control database', async () => {
        const { rows } = await knex.raw('SELECT NOT EXISTS (SELECT FROM control.runs) AS empty');
        return rows[0].empty;
      });
    },

    /** Confirmed effects and their tickets. Answers how many tickets are new. */
    restoreTickets(tickets: readonly FoundTicket[]): Promise<number> {
      return guard('putting tickets back', () =>
        knex.transaction(async (trx) => {
          let added = 0;
          for (const ticket of tickets) {
            await query(trx, confirmedEffect, effectOf(ticket, 'open', 'ticket.open', ticket.body));
            if (ticket.resolved !== null)
              await query(
                trx,
                confirmedEffect,
                effectOf(ticket, 'resolve', 'ticket.update', ticket.resolved),
              );
            added += (await query(trx, knownTicket, ticketOf(ticket))).rowCount;
          }
          return added;
        }),
      );
    },

    /** Which of these tickets the ledger has, and how they stand. */
    ticketStates(
      wanted: readonly { readonly tenant: string; readonly cause: string; readonly episode: number }[],
    ): Promise<{ tenant: string; cause: string; episode: number; state: string }[]> {
      return guard('reading the tickets', async () => {
        const { rows } = await query<{ tenant: string; cause: string; episode: number; state: string }>(
          knex,
          `SELECT t.tenant, t.cause, t.episode, t.state FROM control.tickets t
           JOIN jsonb_to_recordset(:wanted::jsonb) AS w(tenant text, cause text, episode int) USING (tenant, cause, episode)`,
          { wanted: JSON.stringify(wanted) },
        );
        return rows;
      });
    },

    /** A batch and its parts as its manifest has them, so that its number is not given a second time. */
    restoreBatch(manifest: Manifest, key: string, sha256: string): Promise<void> {
      return guard('putting a batch back', () =>
        knex.transaction(async (trx) => {
          const bytes = manifest.parts.reduce((sum, part) => sum + part.bytes, 0);
          const { rowCount } = await query(trx, landedBatch, {
            batch: manifest.batch,
            generation: manifest.generation,
            run: manifest.run ?? `lake/${manifest.batch}.${manifest.generation}`,
            step: manifest.step ?? 'unknown',
            connection: manifest.connection,
            stream: manifest.stream,
            tenant: manifest.tenant,
            target: manifest.target?.table ?? '',
            from: manifest.window.from,
            to: manifest.window.to,
            parameters: JSON.stringify(manifest.parameters ?? {}),
            bytes,
            records: manifest.records,
            key,
            sha256,
            openedAt: manifest.openedAt ?? manifest.window.to,
          });
          if (rowCount === 0) return;
          await query(trx, landedParts, {
            batch: manifest.batch,
            generation: manifest.generation,
            parts: JSON.stringify(manifest.parts.map((part) => ({ ...part, ordinal: ordinalOf(part.key) }))),
          });
        }),
      );
    },
  };
}

function effectOf(
  ticket: FoundTicket,
  action: 'open' | 'resolve',
  kind: 'ticket.open' | 'ticket.update',
  body: unknown,
) {
  const { tenant, cause, ordinal, episode, connection, remoteId, remoteUrl, openedAt, openedBy } = ticket;
  const key = effectKey({ tenant, cause, action, ordinal });
  const guarantee = action === 'open' ? ticket.guarantee.open : ticket.guarantee.update;
  const marker = effectMarker(key);
  const row = { key, tenant, cause, action, ordinal, episode, connection, kind, guarantee, marker };
  return { ...row, body: JSON.stringify(body), remoteId, remoteUrl, at: openedAt, run: openedBy };
}

const confirmedEffect = `INSERT INTO control.effects (key, tenant, cause, action, ordinal, episode, connection, kind, guarantee, marker, body,
    state, epoch, attempts, first_sent_at, remote_id, remote_url, adopted, run_id, confirmed_at, created_at)
  VALUES (:key, :tenant, :cause, :action, :ordinal, :episode, :connection, :kind, :guarantee, :marker, :body::jsonb,
    'confirmed', 1, 1, :at, :remoteId, :remoteUrl, true, :run, :at, :at) ON CONFLICT DO NOTHING`;

function ticketOf(ticket: FoundTicket) {
  const { tenant, cause, episode, rule, connection, remoteId, remoteUrl, openedAt, openedBy } = ticket;
  const row = { tenant, cause, episode, rule, connection, remoteId, remoteUrl, at: openedAt, run: openedBy };
  const isResolved = ticket.resolved !== null;
  return {
    ...row,
    subject: ticket.body.subject,
    state: isResolved ? 'resolved' : 'open',
    resolvedBy: isResolved ? openedBy : null,
  };
}

const knownTicket = `INSERT INTO control.tickets (tenant, cause, episode, rule, connection, subject, state, remote_id, remote_url,
    opened_by, resolved_by, created_at)
  VALUES (:tenant, :cause, :episode, :rule, :connection, :subject, :state, :remoteId, :remoteUrl, :run, :resolvedBy, :at)
  ON CONFLICT DO NOTHING`;

const landedBatch = `INSERT INTO control.batches (batch_id, generation, run_id, step_id, connection, stream, tenant, target, window_from, window_to,
    parameters, state, pages, calls, bytes, records, manifest_key, manifest_sha256, created_at, landed_at)
  VALUES (:batch, :generation, :run, :step, :connection, :stream, :tenant, :target, :from, :to, :parameters::jsonb, 'landed', 0, 0,
    :bytes, :records, :key, :sha256, :openedAt::timestamptz, :openedAt::timestamptz) ON CONFLICT DO NOTHING`;

const landedParts = `INSERT INTO control.parts (batch_id, generation, ordinal, key, sha256, bytes, records, pages, calls, cursors)
  SELECT :batch, :generation, ordinal, key, sha256, bytes, records, 0, 0, '{}'
  FROM jsonb_to_recordset(:parts::jsonb) AS p(ordinal int, key text, sha256 text, bytes bigint, records int) ON CONFLICT DO NOTHING`;
