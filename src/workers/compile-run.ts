import {
  type BatonConfig,
  currentTenants,
  knownTenant,
  parseDuration,
  type RunRequest,
  settingsOfRun,
} from '../config/index.js';
import { isToSweep } from '../connectors/port.js';
import { offersOf, streamsIn } from '../connectors/registry.js';
import type { Plan } from '../domain/plan.js';
import { completedBy, completionPlan, sweepPlan, sweptBy } from '../pipelines/complete.js';
import { allPlans } from '../pipelines/events.js';
import { compilePlan, pipelineIdOf } from '../pipelines/index.js';
import { BatonError } from '../protocol/errors.js';

/** The plan that a run executes. Whoever started it may not have known this configuration: all is checked again. */
export function compileRun(config: BatonConfig, request: RunRequest): Plan {
  const completed = completedBy(request.pipeline);
  if (completed !== null) return compileCompletion(config, completed, request);
  const swept = sweptBy(request.pipeline);
  if (swept !== null) return compileSweep(config, swept, request);
  const pipeline = pipelineIdOf(request.pipeline) ?? request.pipeline;
  const settings = settingsOfRun(config, { ...request, pipeline });
  const own = settings === null ? {} : { [pipeline]: settings };
  return compilePlan(request.pipeline, own, offersOf(config.connections));
}

/** The input `since`: a duration, or `all`. */
function compileCompletion(config: BatonConfig, connection: string, { tenant, inputs }: RunRequest): Plan {
  knownTenant(config, tenant);
  const since = inputs['since'] ?? '7d';
  const sinceMs = since === 'all' ? null : parseDuration(since);
  if (since !== 'all' && sinceMs === null)
    throw new BatonError('ERR_INPUT_INVALID', {
      detail: 'since must be a duration such as 7d, or all.',
    });
  return completionPlan(allPlans(config, offersOf(config.connections)), {
    connection,
    sinceMs,
    hasKeys: (name, stream) => streamsIn(config.connections, name)[stream]?.keys !== undefined,
  });
}

/** The inputs `maxShare`, in percent, and `maxCalls`. */
function compileSweep(config: BatonConfig, connection: string, { tenant, inputs }: RunRequest): Plan {
  knownTenant(config, tenant);
  const percent = Number(inputs['maxShare'] ?? 5);
  const maxCalls = Number(inputs['maxCalls'] ?? 1_000);
  if (!(percent >= 0 && percent <= 100) || !(Number.isSafeInteger(maxCalls) && maxCalls > 0))
    throw new BatonError('ERR_INPUT_INVALID', {
      detail: 'maxShare must be a percentage from 0 to 100, and maxCalls a whole number above 0.',
    });
  return sweepPlan(allPlans(config, offersOf(config.connections)), {
    connection,
    maxShare: percent / 100,
    maxCalls,
    hasKeys: (name, stream) => isToSweep(streamsIn(config.connections, name)[stream]),
  });
}

/** The configuration; for a tenant that it does not know, with those that its file names now. */
export function servedNow(config: BatonConfig, tenant: string): BatonConfig {
  return config.tenants.includes(tenant) ? config : { ...config, tenants: [...currentTenants(config)] };
}
