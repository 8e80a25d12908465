/** The workflow bundle's entry: every workflow, by the name it is started with. */
export { backfill } from './backfill.js';
export { drainEffects } from './drain-effects.js';
export { fulfilOrder } from './fulfil-order.js';
export { loadArrivals } from './load-arrivals.js';
export { mapTenants } from './map-tenants.js';
export { processFile } from './process-file.js';
export { runPipeline } from './run-pipeline.js';
export { triageIncident } from './triage-incident.js';
