import { condition, defineSignal, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { ProcessFileInput } from '../protocol/activities.js';
import { activitiesFor } from './activities.js';

/** Its records were loaded, or it is to be begun anew. */
export const fileChanged = defineSignal('fileChanged');

/** How long it waits for the bell before it looks by itself. */
const lookEvery = '1m';

/**
 * One per version of a file: it is landed, its table's loader loads it, and what follows is done. The row is the
 * content, the signal a doorbell.
 */
export async function processFile(input: ProcessFileInput): Promise<void> {
  let bell = 0;
  setHandler(fileChanged, () => {
    bell += 1;
  });
  const of = { tenant: input.connection, class: 'live' } as const;
  const { files } = activitiesFor('read the file and land its records', of);
  const landed = await files.landFile(input);
  setCurrentDetails(landed.story);
  if (landed.state === 'gone' || landed.state === 'dead' || landed.state === 'done') return;
  const { control } = activitiesFor('open tickets for what is HIGH', of);
  for (;;) {
    const heard = bell;
    const { isOver, story } = await control.finishFile(input);
    setCurrentDetails(story);
    if (isOver) return;
    await condition(() => bell > heard, lookEvery);
  }
}
