import type { Batch } from '../control/batches.js';
import { writeLoadNote } from '../lake/load-note.js';
import type { ActivityDeps } from './ports.js';

/** Tells the lake that the batch is merged; a repeat finds the note there. */
export async function noteLoad(deps: ActivityDeps, batch: Batch): Promise<void> {
  const note = await deps.warehouse.loadNote(batch.batch_id, batch.generation);
  if (batch.manifest_key !== null && note !== null) await writeLoadNote(deps.lake, batch.manifest_key, note);
}
