import { createControlActivities } from './control.js';
import { createEffectActivities } from './effects.js';
import { createExtractActivities } from './extract.js';
import { createLoadActivities } from './load.js';
import { createArrivalActivities } from './load-arrived.js';
import type { ActivityDeps } from './ports.js';
import { createTransformActivities } from './reconcile.js';

/** Activities by the queue that serves them. */
export function createActivities(deps: ActivityDeps) {
  return {
    control: createControlActivities(deps),
    extract: createExtractActivities(deps),
    load: { ...createLoadActivities(deps), ...createArrivalActivities(deps) },
    transform: createTransformActivities(deps),
    effect: createEffectActivities(deps),
  };
}
