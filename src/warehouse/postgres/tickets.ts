import type { Knex } from 'knex';
import { only, query } from '../../database/postgres.js';
import type { Discrepancy, TicketAssignment } from '../port.js';

/**
 * Gives every open discrepancy that has no ticket in its present episode one: its own, or, where a rule has more
 * new ones than `summaryAfter`, one for all of them. One that comes back soon after it was gone has the ticket that it
 * had. A ticket of an earlier episode must have been closed first; one that was not seen often enough has none yet.
 */
export async function assignTickets(knex: Knex, input: TicketAssignment): Promise<void> {
  const isNew = `d.tenant = :tenant AND d.source = :source AND d.state = 'open' AND d.ticket_episode IS DISTINCT FROM d.episode
         AND (d.ticket_episode IS NULL OR d.planned_state = 'resolved') AND d.sightings >= :openAfter`;
  const isBack = `(d.ticket_cause LIKE 'po:%' AND d.planned_state = 'resolved'
         AND d.mended_at > now() - :reopenWithinMs * interval '1 millisecond')`;
  await query(
    knex,
    `WITH new AS (
       SELECT rule, count(*) FILTER (WHERE ${isBack} IS NOT TRUE) AS n FROM analytics.po_discrepancy d WHERE ${isNew} GROUP BY rule
     )
     UPDATE analytics.po_discrepancy d SET ticket_episode = d.episode, planned_evidence = NULL,
            planned_state = CASE WHEN ${isBack} THEN 'resolved' END,
            ticket_ordinal = CASE WHEN ${isBack} THEN coalesce(d.ticket_ordinal, d.ticket_episode) ELSE d.episode END,
            ticket_cause = CASE WHEN ${isBack} THEN d.ticket_cause
                                WHEN new.n > :summaryAfter THEN concat_ws(':', 'summary', d.source, d.rule, :summaryTag::text)
                                ELSE concat_ws(':', 'po', d.source, d.po_id, d.rule) END
     FROM new WHERE d.rule = new.rule AND ${isNew}`,
    { ...input },
  );
}

/** Discrepancies with a ticket that is not what it should be, oldest first. */
export async function unplanned(
  knex: Knex,
  tenant: string,
  source: string,
  limit: number,
): Promise<Discrepancy[]> {
  const { rows } = await query<Discrepancy>(
    knex,
    `SELECT d.*, coalesce(d.ticket_ordinal, d.ticket_episode) AS ticket_ordinal, f.po_number, f.supplier_name, f.status, f.total::text AS total, f.currency, f.total_usd::text AS total_usd
     FROM analytics.po_discrepancy d
     LEFT JOIN analytics.po_fact f ON f._tenant = d.tenant AND f._source = d.source AND f.po_id = d.po_id
     WHERE d.tenant = :tenant AND d.source = :source AND d.ticket_episode IS NOT NULL
       AND CASE WHEN d.ticket_episode = d.episode
                THEN d.planned_state IS DISTINCT FROM d.state OR (d.state = 'open' AND d.planned_evidence IS DISTINCT FROM d.evidence)
                ELSE d.planned_state IS DISTINCT FROM 'resolved' END
     ORDER BY d.rule, d.opened_at, d.po_id LIMIT :limit`,
    { tenant, source, limit },
  );
  return rows;
}

/** Notes what was planned for each, after the intents are stored in the ledger; not for a ticket that it has no more. */
export async function markPlanned(
  knex: Knex,
  tenant: string,
  source: string,
  items: readonly (Discrepancy & { readonly planned: 'open' | 'resolved' })[],
): Promise<void> {
  const notes = items.map(({ po_id, rule, ticket_episode, planned, evidence }) => ({
    po_id,
    rule,
    ticket_episode,
    planned,
    evidence,
  }));
  await query(
    knex,
    `UPDATE analytics.po_discrepancy d SET planned_state = n.planned, planned_evidence = n.evidence
     FROM jsonb_to_recordset(:notes::jsonb) AS n(po_id text, rule text, ticket_episode integer, planned text, evidence jsonb)
     WHERE d.tenant = :tenant AND d.source = :source AND d.po_id = n.po_id AND d.rule = n.rule
       AND d.ticket_episode = n.ticket_episode`,
    { tenant, source, notes: JSON.stringify(notes) },
  );
}

/** A member whose next episode has begun is open again, but no member any more. */
export async function summarised(
  knex: Knex,
  tenant: string,
  cause: string,
): Promise<{ all: number; open: number }> {
  const { rows } = await query<{ all: number; open: number }>(
    knex,
    `SELECT count(*)::int AS "all", (count(*) FILTER (WHERE state = 'open' AND ticket_episode = episode))::int AS open
     FROM analytics.po_discrepancy WHERE tenant = :tenant AND ticket_cause = :cause`,
    { tenant, cause },
  );
  return only(rows);
}
