import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { searchAttributes, taskQueues } from '../../src/protocol/names.js';

const require = createRequire(import.meta.url);
const quiet = new DefaultLogger('ERROR');
const indexedType = { text: 2, datetime: 6 } as const;

export interface TinyWorker {
  readonly namespace: string;
  stop(): Promise<void>;
}

/** A namespace of our own on the shared dev server, so that no other test's worker takes our runs, and a worker. */
export async function startTinyWorker(address: string): Promise<TinyWorker> {
  Runtime.install({ logger: quiet });
  const namespace = `client-${randomUUID().slice(0, 8)}`;
  await registerNamespace(address, namespace);
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue: taskQueues.workflow,
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: require.resolve('./tiny-workflow.ts'),
      logger: quiet,
    }),
  });
  const running = worker.run();
  return {
    namespace,
    async stop() {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}

async function registerNamespace(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address });
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  const entries = Object.values(searchAttributes).map((name) => [
    name,
    name === searchAttributes.logicalTime ? indexedType.datetime : indexedType.text,
  ]);
  await eventually(() =>
    connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(entries),
    }),
  );
  await eventually(async () => {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    if (Object.keys(customAttributes ?? {}).length < entries.length) throw new Error('not yet');
  });
  await connection.close();
}

/** The server takes a moment to know a new namespace everywhere. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
