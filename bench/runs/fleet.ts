import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { BatonClient, type RunResult } from '../../src/client/index.js';
import { runId } from '../../src/protocol/names.js';
import { costOfEvents, type HistoryEvent, type TemporalCost } from '../extract-load/history.js';
import { configOf, databases, startWorker } from '../extract-load/pipeline-contestant.js';
import { benchPipeline } from '../extract-load/plan.js';
import { startVendor, type Vendor } from '../extract-load/vendor.js';
import type { Stage } from '../servers.js';
import { startBare, startBareWorker } from './bare.js';
import { type Story, storyOf } from './story.js';
import { readWaits, type WaitsOf } from './waits.js';

export interface FleetOptions {
  readonly tenants: readonly string[];
  /** Orders that each tenant reads. */
  readonly records: number;
  readonly pageSize: number;
}

/** What became of one workflow, from its history. */
export interface Outcome {
  readonly workflowId: string;
  readonly story: Story;
  readonly cost: TemporalCost;
  /** Bytes of its history as the server sends it. */
  readonly bytes: number;
}

export interface MappedOutcome {
  readonly executions: readonly Outcome[];
  readonly runs: readonly string[];
}

/** Baton with many tenants, and beside it bare workflows on the same server. */
export interface Fleet {
  readonly vendor: Vendor;
  readonly processes: Readonly<Record<string, number>>;
  /** Starts a tenant's first load; answers how to wait for its end. */
  startRun(tenant: string): Promise<{ readonly id: string; result(): Promise<RunResult> }>;
  /** One run that is mapped over tenants, to its end; answers its executions, the last one first, and its tenants' runs. */
  runMapped(tenants: readonly string[], maxParallel: number): Promise<MappedOutcome>;
  startBare(id: string, waves: readonly number[]): Promise<() => Promise<unknown>>;
  outcome(workflowId: string): Promise<Outcome>;
  waits(): WaitsOf;
  close(): Promise<void>;
}

export async function openFleet(stage: Stage, { tenants, records, pageSize }: FleetOptions): Promise<Fleet> {
  const vendor = await startVendor(stage, records, pageSize);
  const scene = { stage, vendor, records, pageSize, profiles: null, say: () => {} };
  for (const name of Object.values(databases)) await stage.postgres.freshDatabase(name);
  const configFile = path.join(stage.folder, 'baton.yaml');
  writeFileSync(configFile, JSON.stringify(configOf(scene, tenants))); // JSON is YAML
  const waitsFile = path.join(stage.folder, 'waits.tsv');
  const instrument = pathToFileURL(path.join(import.meta.dirname, 'instrument.js')).href;
  const more = { nodeArgs: ['--import', instrument], env: { BENCH_WAITS: waitsFile } };
  const [control, data, bareWorker] = await Promise.all([
    startWorker(scene, 'control', configFile, more),
    startWorker(scene, 'data', configFile, more),
    startBareWorker(stage),
  ]);
  const baton = await BatonClient.connect({ address: stage.temporal.address });
  const connection = await Connection.connect({ address: stage.temporal.address });
  const client = new Client({ connection });

  const outcomeOf = async (workflowId: string, temporalRunId?: string) => {
    const { events } = await client.workflow.getHandle(workflowId, temporalRunId).fetchHistory();
    const all = events ?? [];
    const before = all[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? '';
    const outcome = { workflowId, story: storyOf(all), cost: costOfEvents(all, 0), bytes: bytesOf(all) };
    return { outcome, before };
  };

  return {
    vendor,
    processes: { 'worker data': data.pid, 'worker control': control.pid, bare: bareWorker.pid },
    async startRun(tenant) {
      const run = await baton.startPipeline({ pipeline: benchPipeline, tenant });
      return { id: run.id, result: () => run.result() };
    },
    startBare: (id, waves) => startBare(client, id, waves),
    outcome: async (workflowId) => (await outcomeOf(workflowId)).outcome,
    async runMapped(names, maxParallel) {
      const logicalTime = new Date().toISOString().replace(/\.\d+/, '');
      const id = await baton.startMapped({
        pipeline: benchPipeline,
        tenants: names,
        logicalTime,
        trigger: 'manual',
        fullRefresh: false,
        inputs: {},
        maxParallel,
        toleratedPercent: 0,
      });
      await client.workflow.getHandle(id).result();
      const executions: Outcome[] = [];
      for (let run: string | undefined = ''; run !== undefined; ) {
        const { outcome, before } = await outcomeOf(id, run === '' ? undefined : run);
        executions.push(outcome);
        run = before === '' ? undefined : before;
      }
      return { executions, runs: names.map((tenant) => runId(benchPipeline, tenant, logicalTime)) };
    },
    waits: () => readWaits(waitsFile),
    async close() {
      await baton.close();
      await connection.close();
    },
  };
}

/** As of the last workflow task: a little short of the end. */
function bytesOf(events: readonly HistoryEvent[]): number {
  return events.reduce(
    (most, { workflowTaskStartedEventAttributes: task }) =>
      Math.max(most, Number(task?.historySizeBytes ?? 0)),
    0,
  );
}

export function tenantNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `t${String(index + 1).padStart(4, '0')}`);
}
