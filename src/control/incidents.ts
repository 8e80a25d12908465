import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import { type Database, query } from '../database/postgres.js';
import type { Told } from '../domain/incident-plan.js';
import type { Decision, Incident } from '../domain/triage.js';
import { incidentWorkflowId } from '../protocol/names.js';
import { type Bell, hangBells } from './bells.js';

/** A row of control.incidents. */
export interface IncidentRow {
  /** `inc_` and 16 hex digits, of tenant, cause and episode. */
  readonly id: string;
  readonly tenant: string;
  readonly cause: string;
  readonly episode: number;
  /** Whose alert opened it. */
  readonly connection: string;
  readonly incident: Incident;
  readonly state: Incident['state'];
  /** Whether anybody is to hear of it: not of one that had ended before it was known. */
  readonly is_visible: boolean;
  /** What has been told of it outside. */
  readonly told: Told;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export interface DecisionRow extends Decision {
  readonly incident_id: string | null;
  readonly event_id: string;
  readonly fingerprint: string;
  readonly title: string;
  readonly decided_at: Date;
}

export type NewDecision = Pick<DecisionRow, 'event_id' | 'fingerprint' | 'title'> & {
  readonly incidentId: string | null;
  readonly decision: Decision;
};

export type IncidentStore = ReturnType<typeof createIncidentStore>;

export function incidentId(tenant: string, cause: string, episode: number): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([tenant, cause, episode]))
    .digest('hex');
  return `inc_${digest.slice(0, 16)}`;
}

/** The latest incident of each of these causes, locked until the transaction ends. */
export async function latestIncidents(
  trx: Knex,
  tenant: string,
  causes: readonly string[],
): Promise<Map<string, IncidentRow>> {
  const { rows } = await trx.raw(
    `SELECT i.* FROM control.incidents i JOIN (
       SELECT cause, max(episode) AS episode FROM control.incidents WHERE tenant = ? AND cause = ANY (?) GROUP BY cause
     ) latest USING (cause, episode) WHERE i.tenant = ? ORDER BY cause FOR UPDATE OF i`,
    [tenant, [...causes], tenant] as never[],
  );
  return new Map((rows as IncidentRow[]).map((row) => [row.cause, row]));
}

/** Stores incidents as they are now, and why. */
export async function storeIncidents(
  trx: Knex,
  tenant: string,
  incidents: readonly {
    readonly connection: string;
    readonly incident: Incident;
    readonly isVisible: boolean;
  }[],
  decisions: readonly NewDecision[],
): Promise<void> {
  if (incidents.length > 0)
    await trx.raw(
      `INSERT INTO control.incidents (id, tenant, cause, episode, connection, incident, state, is_visible)
       SELECT id, ?, cause, episode, connection, incident, state, is_visible FROM json_to_recordset(?)
         AS i(id text, cause text, episode int, connection text, incident json, state text, is_visible boolean)
       ON CONFLICT (tenant, cause, episode) DO UPDATE SET incident = EXCLUDED.incident, state = EXCLUDED.state,
         is_visible = control.incidents.is_visible OR EXCLUDED.is_visible, updated_at = clock_timestamp()`,
      [
        tenant,
        JSON.stringify(
          incidents.map(({ connection, incident, isVisible }) => ({
            id: incidentId(tenant, incident.cause, incident.episode),
            cause: incident.cause,
            episode: incident.episode,
            connection,
            incident,
            state: incident.state,
            is_visible: isVisible,
          })),
        ),
      ],
    );
  if (decisions.length > 0)
    await trx.raw(
      `INSERT INTO control.decisions (tenant, incident_id, event_id, fingerprint, title, kind, why)
       SELECT ?, incident_id, event_id, fingerprint, title, kind, why FROM json_to_recordset(?)
         AS d(incident_id text, event_id text, fingerprint text, title text, kind text, why text)`,
      [
        tenant,
        JSON.stringify(
          decisions.map(({ incidentId: id, event_id, fingerprint, title, decision }) => ({
            incident_id: id,
            event_id,
            fingerprint,
            title: title.slice(0, 500),
            kind: decision.kind,
            why: decision.why,
          })),
        ),
      ],
    );
}

/** What tells an incident's workflow that there is something for it. */
export function incidentBell(id: string): Bell {
  return {
    workflowId: incidentWorkflowId(id),
    workflowType: 'triageIncident',
    signal: 'incidentChanged',
    input: { id },
  };
}

export function createIncidentStore(control: Database) {
  const { knex } = control;
  return {
    /** Works on one incident, which nobody else changes meanwhile; null when there is none. */
    withIncident<T>(
      id: string,
      work: (
        row: IncidentRow,
        trx: Knex.Transaction,
      ) => Promise<{ readonly incident: Incident; readonly told: Told; readonly answer: T }>,
    ): Promise<T | null> {
      return control.guard('planning an incident', () =>
        knex.transaction(async (trx) => {
          const { rows } = await query<IncidentRow>(
            trx,
            'SELECT * FROM control.incidents WHERE id = :id FOR UPDATE',
            { id },
          );
          const [row] = rows;
          if (row === undefined) return null;
          const { incident, told, answer } = await work(row, trx);
          await query(
            trx,
            `UPDATE control.incidents SET incident = :incident, state = :state, told = :told, updated_at = clock_timestamp()
             WHERE id = :id`,
            { id, incident: JSON.stringify(incident), state: incident.state, told: JSON.stringify(told) },
          );
          return answer;
        }),
      );
    },

    /** Newest first; those of which nobody was to hear are left out. */
    list(filter: { readonly state?: Incident['state']; readonly limit: number }): Promise<IncidentRow[]> {
      return control.guard('listing incidents', async () => {
        const { rows } = await query<IncidentRow>(
          knex,
          `SELECT * FROM control.incidents WHERE is_visible AND (:state::text IS NULL OR state = :state)
           ORDER BY created_at DESC LIMIT :limit`,
          { state: filter.state ?? null, limit: filter.limit },
        );
        return rows;
      });
    },

    /** Notes who has taken up what is still open; whoever was first stays. Null when it has ended or is not there. */
    acknowledge(id: string, by: string, note: string | null): Promise<IncidentRow | null> {
      const acknowledged = JSON.stringify({ by, at: new Date().toISOString(), note });
      return control.guard('taking up an incident', () =>
        knex.transaction(async (trx) => {
          const { rows } = await query<IncidentRow>(
            trx,
            `UPDATE control.incidents SET updated_at = clock_timestamp(), incident = CASE
             WHEN incident->'acknowledged' IS NULL
             THEN (incident::jsonb || jsonb_build_object('acknowledged', CAST(:acknowledged AS jsonb)))::json
             ELSE incident END
           WHERE id = :id AND state = 'open' RETURNING *`,
            { id, acknowledged },
          );
          if (rows.length > 0) await hangBells(trx, [incidentBell(id)], 'others');
          return rows[0] ?? null;
        }),
      );
    },

    find(id: string): Promise<IncidentRow | null> {
      return control.guard('reading an incident', async () => {
        const { rows } = await query<IncidentRow>(knex, 'SELECT * FROM control.incidents WHERE id = :id', {
          id,
        });
        return rows[0] ?? null;
      });
    },

    /** Why it is as it is: how each of its alerts was decided, in order. */
    decisions(id: string, limit: number): Promise<DecisionRow[]> {
      return control.guard('reading decisions', async () => {
        const { rows } = await query<DecisionRow>(
          knex,
          'SELECT * FROM control.decisions WHERE incident_id = :id ORDER BY id LIMIT :limit',
          { id, limit },
        );
        return rows;
      });
    },
  };
}
