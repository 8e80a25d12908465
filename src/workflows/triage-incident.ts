import {
  condition,
  continueAsNew,
  defineSignal,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { PlanIncidentInput } from '../protocol/activities.js';
import { activitiesFor } from './activities.js';

/** An alert, or the end of something that was told of the incident. */
export const incidentChanged = defineSignal('incidentChanged');

/** It ends when nothing has happened for so long: the row stays, and the next bell starts it again. */
const idleMs = 300_000;

/**
 * One per incident: it serialises what is told of it, so that ticket, message and comments come in their order. The
 * row is the content, the signal a doorbell.
 */
export async function triageIncident(input: PlanIncidentInput): Promise<void> {
  let bell = 0;
  setHandler(incidentChanged, () => {
    bell += 1;
  });
  const { control } = activitiesFor('plan what is told of the incident', { tenant: input.id, class: 'live' });
  for (;;) {
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof triageIncident>(input);
    const heard = bell;
    const { story, dueInMs } = await control.planIncident(input);
    setCurrentDetails(story);
    const isDue = dueInMs !== null && dueInMs <= idleMs;
    await condition(() => bell > heard, isDue ? Math.max(dueInMs, 100) : idleMs);
    // The last look before the end, with no await between.
    if (bell === heard && dueInMs === null) return;
  }
}
