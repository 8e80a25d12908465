/** The limit that runs are held against: one worker, one queue, activities that do nothing. Argument: Temporal's address. */
import path from 'node:path';
import { NativeConnection, Worker } from '@temporalio/worker';
import { bareQueue } from './bare.js';

const [address = ''] = process.argv.slice(2);
const connection = await NativeConnection.connect({ address });
const worker = await Worker.create({
  connection,
  taskQueue: bareQueue,
  workflowsPath: path.join(import.meta.dirname, 'bare-workflow.js'),
  activities: { nothing: async () => {} },
});
process.once('SIGTERM', () => worker.shutdown());
const running = worker.run();
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
await running;
await connection.close();
process.exit(0);
