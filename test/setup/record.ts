import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { projectRoot } from './shared.js';

export const historiesFolder = path.join(projectRoot, 'test', 'histories');

/**
 * Stores the history of a workflow for the replay test, when `node scripts/record-histories.mjs` asks for it:
 * `{workflowId, events}`, one event a line.
 */
export async function record(name: string, client: Client, workflowId: string): Promise<void> {
  if (process.env['BATON_RECORD_HISTORIES'] !== '1') return;
  const history = await client.workflow.getHandle(workflowId).fetchHistory();
  // Stack traces say where this checkout is, which is nobody's business.
  const text = historyToJSON(history).replaceAll(`${projectRoot}/`, '');
  const { events } = JSON.parse(text) as { events: unknown[] };
  const lines = events.map((event) => JSON.stringify(event)).join(',\n');
  mkdirSync(historiesFolder, { recursive: true });
  writeFileSync(
    path.join(historiesFolder, `${name}.json`),
    `{"workflowId":${JSON.stringify(workflowId)},"events":[\n${lines}\n]}\n`,
  );
}
