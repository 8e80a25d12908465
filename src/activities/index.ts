import type { ProcessFileInput } from '../protocol/activities.js';
import { createControlActivities } from './control.js';
import { createEffectActivities } from './effects.js';
import { createExtractActivities } from './extract.js';
import { asActivity } from './failure.js';
import { landFile } from './land-file.js';
import { createLoadActivities } from './load.js';
import { createArrivalActivities } from './load-arrived.js';
import type { ActivityDeps } from './ports.js';
import { createTransformActivities } from './reconcile.js';

/** Activities by the queue that serves them. */
export function createActivities(deps: ActivityDeps) {
  return {
    control: createControlActivities(deps),
    extract: {
      ...createExtractActivities(deps),
      landFile: (input: ProcessFileInput) =>
        asActivity(deps.log, { file: input.id }, (signal) => landFile(deps, input, signal)),
    },
    load: { ...createLoadActivities(deps), ...createArrivalActivities(deps) },
    transform: createTransformActivities(deps),
    effect: createEffectActivities(deps),
  };
}
