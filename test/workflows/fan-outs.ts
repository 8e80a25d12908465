import { startBackfill } from '../../src/client/fan-outs.js';
import type { NewFanOut } from '../../src/control/fan-outs.js';
import { intervalsOf } from '../../src/domain/intervals.js';
import { backfillId, intervalRunId } from '../../src/protocol/names.js';
import type { TestBaton } from '../setup/baton.js';

export interface BackfillRequest {
  /** The orders’ when not given. */
  readonly pipeline?: string;
  readonly tenant: string;
  readonly from: Date;
  readonly to: Date;
  readonly intervalMs: number;
  readonly maxActive?: number;
  readonly reprocess?: NewFanOut['reprocess'];
  readonly backwards?: boolean;
}

let number = 0;

/** Stores and starts a backfill of a pipeline, as `baton backfill create` does. Answers its id and its runs'. */
export async function createBackfill(baton: TestBaton, request: BackfillRequest, now: Date) {
  const { tenant, from, to, intervalMs, maxActive = 4, reprocess = 'none', backwards = false } = request;
  number += 1;
  const id = backfillId(`test${number}`);
  const { pipeline = 'po_data_pipeline' } = request;
  const { intervals } = intervalsOf({ from, to, intervalMs, backwards }, now);
  const runs = intervals.map((window) => ({ window, runId: intervalRunId(pipeline, tenant, window) }));
  await baton.deps.fanOuts.create(
    {
      id,
      kind: 'backfill',
      pipeline,
      tenant,
      class: 'backfill',
      trigger: 'backfill',
      full_refresh: false,
      inputs: {},
      logical_time: null,
      from_time: from,
      to_time: to,
      interval_ms: intervalMs,
      backwards,
      reprocess,
      max_active: maxActive,
      tolerated: 100,
    },
    runs.map(({ window, runId }) => ({ tenant, window, runId, refused: null })),
  );
  await startBackfill(baton.client, id, 'a test');
  return { id, runs: runs.map(({ runId }) => runId) };
}
