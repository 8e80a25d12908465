import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import { type Database, query } from '../database/postgres.js';
import type { FulfilmentState, Verdict } from '../domain/fulfilment.js';
import { fulfilmentWorkflowId } from '../protocol/names.js';
import type { Bell } from './bells.js';

/** A row of control.fulfilments: what one approved order has set off. */
export interface FulfilmentRow {
  /** `ful_` and 16 hex digits, of tenant, connection and order. */
  readonly id: string;
  readonly tenant: string;
  /** Whose order it is. */
  readonly connection: string;
  readonly order_id: string;
  readonly event_id: string;
  /** Decimal text, in `currency` (ISO 4217). */
  readonly amount: string;
  readonly currency: string;
  /** The event’s content. */
  readonly content: Readonly<Record<string, unknown>>;
  readonly state: FulfilmentState;
  readonly story: string;
  readonly decide_until: Date | null;
  readonly decision: Verdict | null;
  readonly decided_by: string | null;
  readonly decided_note: string | null;
  readonly decided_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export interface NewFulfilment
  extends Pick<
    FulfilmentRow,
    'tenant' | 'connection' | 'order_id' | 'event_id' | 'amount' | 'currency' | 'content'
  > {
  /** How long a person has to decide; null = nobody has to. */
  readonly decideMs: number | null;
}

export type FulfilmentStore = ReturnType<typeof createFulfilmentStore>;

export function fulfilmentId(tenant: string, connection: string, orderId: string): string {
  const identity = JSON.stringify([tenant, connection, orderId]);
  return `ful_${createHash('sha256').update(identity).digest('hex').slice(0, 16)}`;
}

/** What its effects have as their cause. */
export function fulfilmentCause(id: string): string {
  return `fulfilment:${id}`;
}

export interface SagaCommand {
  /** `do:allocation`, `undo:allocation`. */
  readonly action: string;
  readonly connection: string;
  readonly state: string;
  readonly remoteId: string | null;
  readonly error: string | null;
}

/** What tells a fulfilment's workflow that there is something for it. */
export function fulfilmentBell(id: string): Bell {
  return {
    workflowId: fulfilmentWorkflowId(id),
    workflowType: 'fulfilOrder',
    signal: 'fulfilmentChanged',
    input: { id },
  };
}

/** Stores it unless the order has one; answers its id, and whether it is new. */
export async function beginFulfilment(trx: Knex, of: NewFulfilment): Promise<{ id: string; isNew: boolean }> {
  const id = fulfilmentId(of.tenant, of.connection, of.order_id);
  const { rowCount } = await trx.raw(
    `INSERT INTO control.fulfilments (id, tenant, connection, order_id, event_id, amount, currency, content, state, decide_until)
     SELECT ?, ?, ?, ?, ?, ?, ?, ?, CASE WHEN wait IS NULL THEN 'running' ELSE 'waiting' END,
            clock_timestamp() + wait * interval '1 millisecond'
     FROM (SELECT ?::bigint AS wait) w ON CONFLICT DO NOTHING`,
    [
      id,
      of.tenant,
      of.connection,
      of.order_id,
      of.event_id,
      of.amount,
      of.currency,
      JSON.stringify(of.content),
      of.decideMs,
    ] as string[],
  );
  return { id, isNew: rowCount === 1 };
}

export function createFulfilmentStore(control: Database) {
  const { knex } = control;
  return {
    /** Works on one, which nobody else changes meanwhile; null when there is none. `now` is the database's clock. */
    with<T>(
      id: string,
      work: (
        row: FulfilmentRow & { readonly now: Date },
        trx: Knex.Transaction,
      ) => Promise<{
        readonly state: FulfilmentState;
        readonly story: string;
        /** Decided now, because nobody has in time. */
        readonly decision: Verdict | null;
        readonly answer: T;
      }>,
    ): Promise<T | null> {
      return control.guard('planning a fulfilment', () =>
        knex.transaction(async (trx) => {
          const { rows } = await query<FulfilmentRow & { now: Date }>(
            trx,
            'SELECT *, clock_timestamp() AS now FROM control.fulfilments WHERE id = :id FOR UPDATE',
            { id },
          );
          const [row] = rows;
          if (row === undefined) return null;
          const { state, story, decision, answer } = await work(row, trx);
          await query(
            trx,
            `UPDATE control.fulfilments SET state = :state, story = :story, updated_at = clock_timestamp(),
                    decision = coalesce(decision, :decision),
                    decided_by = CASE WHEN decision IS NULL AND :decision::text IS NOT NULL THEN 'nobody in time' ELSE decided_by END,
                    decided_at = CASE WHEN decision IS NULL AND :decision::text IS NOT NULL THEN clock_timestamp() ELSE decided_at END
             WHERE id = :id`,
            { id, state, story, decision },
          );
          return answer;
        }),
      );
    },

    /** Notes what a person decided, once and in time; false when it is decided already, or nobody has to. */
    decide(
      id: string,
      of: { readonly decision: Verdict; readonly by: string; readonly note: string | null },
    ): Promise<boolean> {
      return control.guard('noting a decision', async () => {
        const { rowCount } = await query(
          knex,
          `UPDATE control.fulfilments SET decision = :decision, decided_by = :by, decided_note = :note,
                  decided_at = clock_timestamp(), updated_at = clock_timestamp()
           WHERE id = :id AND decision IS NULL AND decide_until > clock_timestamp() AND state = 'waiting'`,
          { id, decision: of.decision, by: of.by, note: of.note },
        );
        return rowCount === 1;
      });
    },

    find(id: string): Promise<FulfilmentRow | null> {
      return control.guard('reading a fulfilment', async () => {
        const { rows } = await query<FulfilmentRow>(
          knex,
          'SELECT * FROM control.fulfilments WHERE id = :id',
          { id },
        );
        return rows[0] ?? null;
      });
    },

    /** What was asked for it, in order. */
    commands({ id, tenant }: Pick<FulfilmentRow, 'id' | 'tenant'>): Promise<SagaCommand[]> {
      return control.guard('reading commands', async () => {
        const { rows } = await query<SagaCommand>(
          knex,
          `SELECT action, connection, state, remote_id AS "remoteId", last_error AS error FROM control.effects
           WHERE tenant = :tenant AND cause = :cause AND kind = 'command.send' ORDER BY created_at, key`,
          { tenant, cause: fulfilmentCause(id) },
        );
        return rows;
      });
    },

    /** Longest waiting first where a state is named, else newest first. */
    list(filter: {
      readonly state: FulfilmentState | null;
      readonly limit: number;
    }): Promise<FulfilmentRow[]> {
      return control.guard('listing fulfilments', async () => {
        const { rows } = await query<FulfilmentRow>(
          knex,
          `SELECT * FROM control.fulfilments WHERE :state::text IS NULL OR state = :state
           ORDER BY created_at ${filter.state === null ? 'DESC' : 'ASC'}, id LIMIT :limit`,
          { state: filter.state, limit: filter.limit },
        );
        return rows;
      });
    },
  };
}
