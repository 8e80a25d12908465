import path from 'node:path';
import type { Client } from '@temporalio/client';
import type { Actor, Stage } from '../servers.js';

export const bareQueue = 'bench-bare';

export function startBareWorker(stage: Stage): Promise<Actor> {
  const program = path.join(import.meta.dirname, 'bare-worker.js');
  return stage.start({ name: 'worker-bare', args: [program, stage.temporal.address] });
}

/** Starts a bare workflow; answers how to wait for its end. */
export async function startBare(client: Client, workflowId: string, waves: readonly number[]) {
  const handle = await client.workflow.start('bare', { workflowId, taskQueue: bareQueue, args: [waves] });
  return () => handle.result();
}
