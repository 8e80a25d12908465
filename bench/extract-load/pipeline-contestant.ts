import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { BatonClient, type RunHandle, type RunResult } from '../../src/client/index.js';
import { benchType } from './connector.js';
import { type Contestant, type Phase, requireEqual, type Scene, type StepTime } from './contestant.js';
import { costOf, heartbeatsIn } from './history.js';
import type { Counts } from './orders.js';
import { benchPipeline } from './plan.js';

export const databases = { control: 'bench_control', warehouse: 'bench_warehouse' } as const;

/** The product itself: two worker processes as they are built, started and awaited through the client. */
export async function openPipeline(scene: Scene): Promise<Contestant> {
  const { stage } = scene;
  const { postgres, temporal } = stage;
  for (const name of Object.values(databases)) await postgres.freshDatabase(name);
  const configFile = path.join(stage.folder, 'baton.yaml');
  writeFileSync(configFile, JSON.stringify(configOf(scene))); // JSON is YAML
  const [control, data] = await Promise.all([
    startWorker(scene, 'control', configFile),
    startWorker(scene, 'data', configFile),
  ]);
  const client = await BatonClient.connect({ address: temporal.address });

  return {
    name: 'pipeline',
    processes: { 'worker data': data.pid, 'worker control': control.pid },
    async load(phase) {
      const beatsBefore = heartbeatsIn(await temporal.metrics());
      const startedMs = performance.now();
      const run = await client.startPipeline({ pipeline: benchPipeline, fullRefresh: phase === 'again' });
      const result = await run.result();
      const wallMs = performance.now() - startedMs;
      return {
        records: result.receipt.read,
        wallMs,
        async check(changed) {
          const heartbeats = heartbeatsIn(await temporal.metrics()) - beatsBefore;
          await requireRight(scene, run, result, phase, changed);
          const [steps, cost] = await Promise.all([
            stepTimes(scene, run.id),
            costOf(temporal.address, run.id, heartbeats),
          ]);
          return { steps, temporal: cost };
        },
      };
    },
    async close() {
      await client.close();
      await Promise.all([control.stop(), data.stop()]);
      for (const name of Object.values(databases)) await postgres.dropDatabase(name);
    },
  };
}

/** A worker process; `nodeArgs` go before its program. */
export function startWorker(
  { stage, pageSize, profiles }: Scene,
  role: 'control' | 'data',
  configFile: string,
  { nodeArgs = [], env = {} }: { nodeArgs?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
) {
  const profile = role === 'data' && profiles !== null ? ['--cpu-prof', '--cpu-prof-dir', profiles] : [];
  return stage.start({
    name: `worker-${role}`,
    args: [...profile, ...nodeArgs, path.join(import.meta.dirname, 'worker.js'), role, String(pageSize)],
    env: {
      BATON_CONFIG: configFile,
      BATON_HOME: path.join(stage.folder, 'home'),
      BATON_PG_PASSWORD: stage.postgres.password,
      COUPA_CLIENT_SECRET: 'bench',
      ...env,
    },
  });
}

export function configOf({ stage, vendor }: Scene, tenants: readonly string[] = ['default']) {
  const database = (name: string) => ({
    url: stage.postgres.url(name),
    password: 'secret://env/BATON_PG_PASSWORD',
  });
  return {
    version: 1,
    tenants,
    temporal: { address: stage.temporal.address },
    control: database(databases.control),
    warehouse: { type: 'postgres', ...database(databases.warehouse) },
    lake: { type: 'local', path: path.join(stage.folder, 'lake') },
    connections: {
      coupa: {
        type: benchType,
        baseUrl: vendor.url,
        auth: { clientId: 'bench', clientSecret: 'secret://env/COUPA_CLIENT_SECRET' },
        // As many at once as raw sends.
        limits: { requestsPerSecond: 1_000_000, requestsInFlight: 8 },
      },
      rates: { type: 'frankfurter', baseUrl: vendor.url },
      // The whole pipeline has customers; the bench's part of it never asks for them.
      customers: {
        type: 'salesforce',
        baseUrl: vendor.url,
        auth: { clientId: 'bench', clientSecret: 'secret://env/COUPA_CLIENT_SECRET' },
      },
    },
    pipelines: {
      // Without an overlap the windows are those of the other contestants.
      [benchPipeline]: { source: 'coupa', customers: 'customers', rates: 'rates', desk: 'coupa', lag: '0s' },
    },
  };
}

interface Warehouse {
  readonly orders: number;
  readonly unconverted: number;
  readonly lines: number;
  readonly line_counts: number;
  readonly quarantined: number;
}

/** Every order is accounted for and in its place: the receipt and the tables against the API's own counts. */
async function requireRight(
  { stage, vendor }: Scene,
  run: RunHandle,
  { state, receipt }: RunResult,
  phase: Phase,
  changed: Counts | null,
): Promise<void> {
  if (state !== 'succeeded') throw new Error(`the run ended ${state}`);
  const { postgres } = stage;
  const [batch] = await postgres.query<{ window_from: string | null; window_to: string }>(
    databases.control,
    `SELECT window_from, window_to FROM control.batches WHERE run_id = $1 AND step_id = 'extract_orders'`,
    [run.id],
  );
  const [tables] = await postgres.query<Warehouse>(
    databases.warehouse,
    `SELECT (SELECT count(*) FROM analytics.po_fact)::int AS orders,
            (SELECT count(*) FROM analytics.po_fact WHERE total_usd IS NULL OR supplier_name IS NULL)::int AS unconverted,
            (SELECT count(*) FROM analytics.po_line_fact)::int AS lines,
            (SELECT sum(line_count) FROM analytics.po_fact)::int AS line_counts,
            (SELECT count(*) FROM quarantine.records WHERE state = 'waiting')::int AS quarantined`,
  );
  if (batch === undefined || tables === undefined) throw new Error('the run has left no batch');
  const read = await vendor.counts({ from: batch.window_from, to: batch.window_to });
  const all = await vendor.counts({ from: null, to: batch.window_to });
  const loaded = (phase === 'first' ? read : changed)?.valid ?? 0;
  requireEqual(`the ${phase} run`, {
    'records read': [receipt.read, read.records],
    loaded: [receipt.loaded, loaded],
    unchanged: [receipt.unchanged, read.valid - loaded],
    quarantined: [receipt.quarantined, read.malformed],
    filtered: [receipt.filtered, read.draft],
    'duplicate and stale': [receipt.duplicate + receipt.stale, 0],
    'rows in po_fact': [tables.orders, all.valid],
    'rows without rate or supplier': [tables.unconverted, 0],
    'rows in po_line_fact': [tables.lines, tables.line_counts],
    'rows in quarantine': [tables.quarantined, all.malformed],
  });
}

async function stepTimes({ stage }: Scene, runId: string): Promise<StepTime[]> {
  const rows = await stage.postgres.query<{ id: string; began_at: number; ended_at: number }>(
    databases.control,
    `SELECT s.step_id AS id, extract(epoch FROM s.started_at - r.created_at)::float8 AS began_at,
            extract(epoch FROM s.ended_at - r.created_at)::float8 AS ended_at
     FROM control.steps s JOIN control.runs r ON r.id = s.run_id WHERE r.id = $1 ORDER BY s.ordinal`,
    [runId],
  );
  return rows.map((row) => ({ id: row.id, beganAt: row.began_at, endedAt: row.ended_at }));
}
