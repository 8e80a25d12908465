/** The workflow bundle's entry: every workflow, by the name it is started with. */
export { drainEffects } from './drain-effects.js';
export { loadArrivals } from './load-arrivals.js';
export { runPipeline } from './run-pipeline.js';
