import type { Knex } from 'knex';
import type { Database } from '../database/postgres.js';
import { decideItem, type ExistingRun, endOf } from '../domain/intervals.js';
import { BatonError } from '../protocol/errors.js';
import type {
  FanOutStart,
  FanOutState,
  FanOutTurn,
  ItemState,
  ReprocessBehavior,
} from '../protocol/fan-out.js';
import { type RunClass, type RunState, type Trigger, toLogicalTime } from '../protocol/names.js';
import type { Interval, Receipt, TicketCounts } from '../protocol/run.js';
import { raiseAttempt } from './runs.js';

/** A row of control.fan_outs. */
export interface FanOutRow {
  readonly id: string;
  readonly kind: 'backfill' | 'tenants';
  readonly pipeline: string;
  readonly tenant: string;
  readonly class: RunClass;
  readonly trigger: Trigger;
  readonly full_refresh: boolean;
  readonly inputs: Readonly<Record<string, string>>;
  readonly logical_time: Date | null;
  readonly from_time: Date | null;
  readonly to_time: Date | null;
  readonly interval_ms: string | null;
  readonly backwards: boolean;
  readonly reprocess: ReprocessBehavior;
  readonly max_active: number;
  readonly tolerated: number;
  readonly leave_running: boolean;
  readonly state: FanOutState;
  readonly created_at: Date;
  readonly ended_at: Date | null;
}

export interface NewFanOut
  extends Omit<FanOutRow, 'interval_ms' | 'leave_running' | 'state' | 'created_at' | 'ended_at'> {
  readonly interval_ms: number | null;
}

export interface NewItem {
  readonly tenant: string;
  readonly window: Interval | null;
  readonly runId: string;
  /** Why it cannot be run at all; null when it can. */
  readonly refused: string | null;
}

/** A row of control.fan_out_items. */
export interface ItemRow {
  readonly ordinal: number;
  readonly tenant: string;
  readonly window_from: Date | null;
  readonly window_to: Date | null;
  readonly run_id: string;
  readonly attempt: number;
  readonly state: ItemState;
  readonly detail: string | null;
}

export type ItemCounts = FanOutTurn['counts'];
export type FanOutStore = ReturnType<typeof createFanOutStore>;

/** Items that are decided about in one go. */
const chunk = 500;

/** What a person may ask of a backfill, and the states in which it makes a difference. */
const changes = {
  pause: { from: ['running'], to: 'paused' },
  resume: { from: ['paused'], to: 'running' },
  cancel: { from: ['running', 'paused'], to: 'cancelling' },
} as const;
export type FanOutChange = keyof typeof changes;

/** Fan-outs and their items: the truth that their workflows act on. Every method is one transaction and may be repeated. */
export function createFanOutStore(control: Database) {
  const { knex } = control;

  async function counts(db: Knex, id: string): Promise<ItemCounts> {
    const { rows } = await db.raw(
      'SELECT state, count(*)::int AS items FROM control.fan_out_items WHERE fan_out_id = ? GROUP BY state',
      [id],
    );
    const found = Object.fromEntries(
      rows.map((row: { state: string; items: number }) => [row.state, row.items]),
    );
    return { ...none, ...found };
  }

  return {
    /** Stores a fan-out with its items; one that is there stays as it is. ERR_BACKFILL_ACTIVE. */
    create(fanOut: NewFanOut, items: readonly NewItem[]): Promise<void> {
      return control.guard('storing the fan-out', () =>
        knex.transaction(async (trx) => {
          if (fanOut.kind === 'backfill') await refuseSecond(trx, fanOut);
          const { inputs, ...row } = fanOut;
          const stored = await trx('control.fan_outs')
            .insert({ ...row, inputs: JSON.stringify(inputs) })
            .onConflict('id')
            .ignore()
            .returning('id');
          if (stored.length > 0) await insertItems(trx, fanOut.id, items);
        }),
      );
    },

    /**
     * One turn: notes which runs have ended, decides about as many waiting items as there is room for, and closes the
     * fan-out when nothing is left. With `resumed`, runs that an earlier execution may not have come to start are named
     * again. Starting one twice does no harm: its claim is a compare-and-set.
     */
    advance(id: string, resumed: boolean): Promise<FanOutTurn> {
      return control.guard('advancing the fan-out', () =>
        knex.transaction(async (trx) => {
          const { rows } = await trx.raw('SELECT * FROM control.fan_outs WHERE id = ? FOR UPDATE', [id]);
          const fanOut = rows[0] as FanOutRow | undefined;
          if (fanOut === undefined) throw new Error(`fan-out ${id} is not there`);
          await settle(trx, id);
          if (fanOut.state === 'cancelling') await drop(trx, id);
          const lost = resumed ? await unclaimed(trx, fanOut) : [];
          const fresh = fanOut.state === 'running' ? await fill(trx, fanOut) : [];
          const now = await counts(trx, id);
          const state = await close(trx, fanOut, now);
          return { state, start: [...lost, ...fresh], counts: now };
        }),
      );
    },

    /** Pauses, resumes or cancels; false when it has ended. `leaveRunning`: a cancel lets the runs under way finish. */
    change(id: string, change: FanOutChange, leaveRunning = false): Promise<boolean> {
      const { from, to } = changes[change];
      return control.guard(`asking to ${change}`, async () => {
        await knex('control.fan_outs')
          .where({ id })
          .whereIn('state', from)
          .update({ state: to, leave_running: leaveRunning });
        const [row] = await knex('control.fan_outs').select('state').where({ id });
        return row !== undefined && row.state === to;
      });
    },

    /** Opens a fan-out that has ended for another attempt: what failed waits again, what succeeded stays. */
    async reopen(id: string): Promise<void> {
      await control.guard('opening the fan-out again', () =>
        knex.transaction(async (trx) => {
          await trx.raw(
            `UPDATE control.fan_outs SET state = 'running', ended_at = NULL, reprocess = 'failed' WHERE id = ?`,
            [id],
          );
          await trx.raw(
            `UPDATE control.fan_out_items SET state = 'waiting', detail = NULL
             WHERE fan_out_id = ? AND state IN ('failed', 'cancelled')`,
            [id],
          );
        }),
      );
    },

    /** Runs of it that are under way: what a cancel has to cancel. */
    async runningRuns(id: string): Promise<readonly string[]> {
      return control.guard('listing the runs under way', () =>
        knex('control.fan_out_items')
          .where({ fan_out_id: id, state: 'running' })
          .orderBy('ordinal')
          .pluck('run_id'),
      );
    },

    /** Runs that were to start some time ago and have left no trace in the books. */
    async traceless(id: string, afterMs: number): Promise<readonly string[]> {
      const { rows } = await control.guard('looking for lost runs', () =>
        knex.raw(
          `SELECT i.run_id FROM control.fan_out_items i LEFT JOIN control.runs r ON r.id = i.run_id
           WHERE i.fan_out_id = ? AND i.state = 'running' AND (r.id IS NULL OR r.temporal_run_id = '')
             AND i.started_at < now() - ? * interval '1 millisecond' ORDER BY i.ordinal LIMIT 100`,
          [id, afterMs],
        ),
      );
      return rows.map((row: { run_id: string }) => row.run_id);
    },

    /** Gives up an item whose run ended before it had begun. */
    async giveUp(id: string, runId: string, detail: string): Promise<void> {
      await control.guard('giving up a run', () =>
        knex('control.fan_out_items')
          .where({ fan_out_id: id, run_id: runId, state: 'running' })
          .update({ state: 'failed', detail }),
      );
    },

    /** Which of these runs there are, and where they stand. */
    async runsOf(ids: readonly string[]): Promise<ReadonlyMap<string, ExistingRun>> {
      const { rows } = await control.guard('looking for runs', () =>
        knex.raw('SELECT id, state, attempt FROM control.runs WHERE id = ANY(?::text[])', [
          [...ids],
        ] as never),
      );
      return new Map(rows.map(({ id, ...run }: ExistingRun & { id: string }) => [id, run]));
    },

    async find(id: string): Promise<FanOutRow | null> {
      const [row] = await control.guard('reading the fan-out', () =>
        knex('control.fan_outs').select('*').where({ id }),
      );
      return row ?? null;
    },

    counts: (id: string): Promise<ItemCounts> =>
      control.guard('counting the fan-out', () => counts(knex, id)),

    /** Receipt and tickets of all its runs together. */
    async sums(id: string): Promise<{ receipt: Receipt; tickets: TicketCounts }> {
      const sum = (column: string, names: readonly string[]) =>
        names.map((name) => `'${name}', coalesce(sum((r.${column} ->> '${name}')::bigint), 0)`).join(', ');
      const { rows } = await control.guard('adding up the runs', () =>
        knex.raw(
          `SELECT json_build_object(${sum('receipt', receiptNames)}) AS receipt,
                  json_build_object(${sum('tickets', ticketNames)}) AS tickets
           FROM control.fan_out_items i JOIN control.runs r ON r.id = i.run_id WHERE i.fan_out_id = ?`,
          [id],
        ),
      );
      return rows[0];
    },

    /** Backfills, newest first; with `prefix` only those whose id begins so. */
    async backfills(filter: { prefix?: string; limit: number }): Promise<readonly FanOutRow[]> {
      return control.guard('listing backfills', () => {
        const query = knex('control.fan_outs').where('kind', 'backfill').orderBy('created_at', 'desc');
        if (filter.prefix !== undefined) query.whereRaw('starts_with(id, ?)', [filter.prefix]);
        return query.limit(filter.limit);
      });
    },

    /** Items in their order; only in one of `states` when given. */
    async items(id: string, limit: number, states?: readonly ItemState[]): Promise<readonly ItemRow[]> {
      return control.guard('listing the items', () => {
        const query = knex('control.fan_out_items').where('fan_out_id', id).orderBy('ordinal').limit(limit);
        return states === undefined ? query : query.whereIn('state', states);
      });
    },

    /** Backfills that have not ended: each has a workflow, or has lost it. Those just stored are being started. */
    async open(): Promise<readonly Pick<FanOutRow, 'id' | 'pipeline' | 'tenant'>[]> {
      return control.guard('listing open backfills', () =>
        knex('control.fan_outs')
          .select('id', 'pipeline', 'tenant')
          .where('kind', 'backfill')
          .whereIn('state', ['running', 'paused', 'cancelling'])
          .whereRaw(`created_at < now() - interval '10 seconds'`),
      );
    },
  };
}

const receiptNames: readonly (keyof Receipt)[] = [
  'pages',
  'calls',
  'read',
  'loaded',
  'unchanged',
  'quarantined',
  'duplicate',
  'stale',
  'filtered',
];
const ticketNames: readonly (keyof TicketCounts)[] = ['opened', 'updated', 'resolved'];

const none: ItemCounts = {
  waiting: 0,
  running: 0,
  succeeded: 0,
  partial: 0,
  failed: 0,
  cancelled: 0,
  skipped: 0,
};

/** Under a lock, since two commands may ask at once. */
async function refuseSecond(trx: Knex.Transaction, { id, pipeline, tenant }: NewFanOut): Promise<void> {
  await trx.raw('SELECT pg_advisory_xact_lock(hashtext(?))', [`backfill/${pipeline}/${tenant}`]);
  const [active] = await trx('control.fan_outs')
    .select('id', 'state')
    .where({ kind: 'backfill', pipeline, tenant })
    .whereNot({ id })
    .whereIn('state', ['running', 'paused', 'cancelling']);
  if (active !== undefined)
    throw new BatonError('ERR_BACKFILL_ACTIVE', {
      detail: `${active.id} of ${pipeline} for ${tenant} is ${active.state}.`,
      where: active.id,
    });
}

async function insertItems(trx: Knex.Transaction, id: string, items: readonly NewItem[]): Promise<void> {
  const rows = items.map((item, index) => ({
    ordinal: index + 1,
    tenant: item.tenant,
    window_from: item.window?.from ?? null,
    window_to: item.window?.to ?? null,
    run_id: item.runId,
    state: item.refused === null ? 'waiting' : 'failed',
    detail: item.refused,
  }));
  await trx.raw(
    `INSERT INTO control.fan_out_items (fan_out_id, ordinal, tenant, window_from, window_to, run_id, state, detail)
     SELECT ?, x.* FROM jsonb_to_recordset(?::jsonb) AS x(ordinal int, tenant text, window_from timestamptz,
                                                         window_to timestamptz, run_id text, state text, detail text)`,
    [id, JSON.stringify(rows)],
  );
}

/** Items whose run has ended end as it did. */
async function settle(trx: Knex.Transaction, id: string): Promise<void> {
  await trx.raw(
    `UPDATE control.fan_out_items i SET state = r.state, detail = r.error ->> 'detail'
     FROM control.runs r
     WHERE i.fan_out_id = ? AND i.state = 'running' AND r.id = i.run_id AND r.attempt >= i.attempt
       AND r.ended_at IS NOT NULL`,
    [id],
  );
}

/** A cancelled fan-out starts nothing any more. */
async function drop(trx: Knex.Transaction, id: string): Promise<void> {
  await trx.raw(
    `UPDATE control.fan_out_items SET state = 'cancelled' WHERE fan_out_id = ? AND state = 'waiting'`,
    [id],
  );
}

interface Candidate extends ItemRow {
  readonly run_state: RunState | null;
  readonly run_attempt: number | null;
}

/** Takes waiting items until as many run as may. */
async function fill(trx: Knex.Transaction, fanOut: FanOutRow): Promise<FanOutStart[]> {
  const { rows } = await trx.raw(
    `SELECT count(*)::int AS running FROM control.fan_out_items WHERE fan_out_id = ? AND state = 'running'`,
    [fanOut.id],
  );
  const start: FanOutStart[] = [];
  let room = fanOut.max_active - rows[0].running;
  while (room > 0) {
    const candidates: Candidate[] = (
      await trx.raw(
        `SELECT i.*, r.state AS run_state, r.attempt AS run_attempt
         FROM control.fan_out_items i LEFT JOIN control.runs r ON r.id = i.run_id
         WHERE i.fan_out_id = ? AND i.state = 'waiting' ORDER BY i.ordinal LIMIT ?`,
        [fanOut.id, chunk],
      )
    ).rows;
    if (candidates.length === 0) return start;
    for (const item of candidates) {
      if (room === 0) return start;
      const taken = await take(trx, fanOut, item);
      if (taken.start !== null) start.push(taken.start);
      if (taken.runs) room -= 1;
    }
  }
  return start;
}

/** Decides about one item and notes it. */
async function take(
  trx: Knex.Transaction,
  fanOut: FanOutRow,
  item: Candidate,
): Promise<{ runs: boolean; start: FanOutStart | null }> {
  const { run_state: state, run_attempt: attempt } = item;
  const run = state === null || attempt === null ? null : { state, attempt };
  const decision = decideItem(run, fanOut.reprocess);
  const note = (to: ItemState, of: number, detail: string | null) =>
    trx.raw(
      `UPDATE control.fan_out_items SET state = ?, attempt = ?, detail = ?, started_at = now()
       WHERE fan_out_id = ? AND ordinal = ?`,
      [to, of, detail, fanOut.id, item.ordinal] as string[],
    );
  switch (decision.kind) {
    case 'skip':
      // A tenant that is done counts as done; an interval that another backfill did is not ours.
      await note(
        fanOut.kind === 'tenants' && state === 'succeeded' ? state : 'skipped',
        attempt ?? 1,
        decision.detail,
      );
      return { runs: false, start: null };
    case 'join':
      await note('running', attempt ?? 1, null);
      return { runs: true, start: null };
    case 'retry': {
      const raised = await raiseAttempt(trx, item.run_id, attempt ?? 1, decision.again);
      await note('running', raised ?? attempt ?? 1, null);
      return { runs: true, start: raised === null ? null : startOf(fanOut, item, raised) };
    }
    case 'start':
      await note('running', 1, null);
      return { runs: true, start: startOf(fanOut, item, 1) };
  }
}

/** Running items whose run has not claimed its row. */
async function unclaimed(trx: Knex.Transaction, fanOut: FanOutRow): Promise<FanOutStart[]> {
  const { rows } = await trx.raw(
    `SELECT i.* FROM control.fan_out_items i LEFT JOIN control.runs r ON r.id = i.run_id
     WHERE i.fan_out_id = ? AND i.state = 'running' AND (r.id IS NULL OR (r.attempt = i.attempt AND r.temporal_run_id = ''))
     ORDER BY i.ordinal`,
    [fanOut.id],
  );
  return rows.map((item: ItemRow) => startOf(fanOut, item, item.attempt));
}

function startOf(fanOut: FanOutRow, item: ItemRow, attempt: number): FanOutStart {
  const window =
    item.window_from === null || item.window_to === null
      ? null
      : { from: toLogicalTime(item.window_from), to: toLogicalTime(item.window_to) };
  return {
    id: item.run_id,
    input: {
      pipeline: fanOut.pipeline,
      tenant: item.tenant,
      logicalTime: window?.from ?? toLogicalTime(fanOut.logical_time ?? fanOut.created_at),
      trigger: fanOut.kind,
      fullRefresh: fanOut.full_refresh,
      inputs: fanOut.inputs,
      class: fanOut.class,
      ...(window === null ? {} : { window }),
      ...(attempt === 1 ? {} : { attempt }),
      parent: fanOut.id,
    },
  };
}

/** Ends the fan-out when none of its items is open; answers its state. */
async function close(trx: Knex.Transaction, fanOut: FanOutRow, counts: ItemCounts): Promise<FanOutState> {
  const open = counts.waiting + counts.running > 0;
  if (open || fanOut.ended_at !== null) return fanOut.state;
  const state = fanOut.state === 'cancelling' ? 'cancelled' : endOf(counts, fanOut.tolerated);
  await trx.raw('UPDATE control.fan_outs SET state = ?, ended_at = now() WHERE id = ?', [state, fanOut.id]);
  return state;
}
