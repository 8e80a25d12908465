import { getEvents } from './get-events.js';
import { getHealthz } from './get-healthz.js';
import { getMetrics } from './get-metrics.js';
import { getReadyz } from './get-readyz.js';
import { getRoot } from './get-root.js';
import { postHooks } from './post-hooks.js';
import type { Route } from './route.js';

/** Every address of the gateway: one line each. */
export const routes: readonly Route[] = [getRoot, getHealthz, getReadyz, getMetrics, postHooks, getEvents];
