import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { openControl } from '../../src/control/database.js';
import { createRunStore } from '../../src/control/runs.js';
import type { ExtractStep } from '../../src/domain/plan.js';
import { Secret } from '../../src/domain/secret.js';
import type { readAndLoad } from './read-workflow.js';
import type { World } from './world.js';

const require = createRequire(import.meta.url);
const taskQueue = 'chaos-reading';

/** Starts single streams; their activities run in the world's own data workers. */
export interface Reading {
  start(tenant: string, step: ExtractStep): Promise<WorkflowHandle<typeof readAndLoad>>;
  close(): Promise<void>;
}

/** The control database must have been migrated: a worker must have been started before. */
export async function startReading(world: World): Promise<Reading> {
  const logger = new DefaultLogger('ERROR');
  Runtime.install({ logger });
  const native = await NativeConnection.connect({ address: world.temporal.address });
  const worker = await Worker.create({
    connection: native,
    taskQueue,
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: require.resolve('./read-workflow.ts'),
      logger,
    }),
  });
  const running = worker.run();
  const connection = await Connection.connect({ address: world.temporal.address });
  const client = new Client({ connection });
  const url = new URL(world.control.url('control'));
  url.password = world.secrets['BATON_PG_PASSWORD'] ?? '';
  const control = openControl(new Secret(url.href), { poolMax: 1 });
  const runs = createRunStore(control);
  let minute = 0;

  return {
    async start(tenant, step) {
      minute += 1;
      const runId = `run/reading/${tenant}-${minute}`;
      const load = {
        kind: 'load',
        id: `load_${step.id}`,
        title: 'load',
        dependsOn: [],
        from: step.id,
      } as const;
      const plan = {
        pipeline: 'reading',
        description: '',
        receiptStep: step.id,
        concurrency: 1,
        steps: [step, load],
      };
      const logicalTime = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
      const run = {
        pipeline: 'reading',
        tenant,
        logicalTime,
        trigger: 'manual',
        fullRefresh: false,
        inputs: {},
      } as const;
      await runs.claim({ ...run, id: runId, temporalRunId: randomUUID(), plan });
      return client.workflow.start<typeof readAndLoad>('readAndLoad', {
        workflowId: runId,
        taskQueue,
        args: [{ runId, tenant, step }],
      });
    },
    async close() {
      worker.shutdown();
      await running;
      await Promise.all([native.close(), connection.close(), control.close()]);
    },
  };
}

/** A step that reads a stream into a table of its own. */
export function readingStep(
  connection: string,
  stream: string,
  more: Partial<ExtractStep> = {},
): ExtractStep {
  return {
    id: `extract_${stream}`,
    kind: 'extract',
    title: `extract ${connection} ${stream}`,
    dependsOn: [],
    connection,
    stream,
    target: { table: `raw.read_${stream}`, staging: `read_${stream}` },
    retry: { retries: 3, delayMs: 100, maxDelayMs: 1_000 },
    initialValue: null,
    lagMs: null,
    parameters: {},
    ...more,
  };
}
