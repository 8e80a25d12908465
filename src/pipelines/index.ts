import { checkPlan, type Offers, type Plan } from '../domain/plan.js';
import { BatonError } from '../protocol/errors.js';
import { ingestPipeline } from './ingest-pipeline.js';
import { poDataPipeline } from './po-data-pipeline.js';
import { resilientEltPipeline } from './resilient-elt-pipeline.js';
import { afterSyncs, type SyncSettings } from './syncs.js';

/** Every code-first pipeline: one line each. */
const definitions = [poDataPipeline, resilientEltPipeline, ingestPipeline] as const;

export const pipelineIds: readonly string[] = definitions.map((definition) => definition.id);

/** The id behind a name or an alias; null when nothing answers to it. */
export function pipelineIdOf(name: string): string | null {
  const found = definitions.find((definition) => definition.id === name || definition.aliases.includes(name));
  return found?.id ?? null;
}

/** The validated plan of a pipeline with its settings. Throws ERR_UNKNOWN_NAME or ERR_PLAN_INVALID. */
export function compilePlan(
  name: string,
  settings: Readonly<Record<string, object | undefined>>,
  offers: Offers,
): Plan {
  const definition = definitions.find((candidate) => candidate.id === pipelineIdOf(name));
  const own = definition === undefined ? undefined : settings[definition.id];
  if (definition === undefined || own === undefined)
    throw new BatonError('ERR_UNKNOWN_NAME', {
      detail: `There is no pipeline "${name}" with settings in baton.yaml; known are ${pipelineIds.join(', ')}.`,
    });
  // Each definition is given what the schema of its own name has read.
  const plan = checkPlan(
    afterSyncs(definition.compile(own as never, offers), own as unknown as SyncSettings),
  );
  for (const step of plan.steps)
    if (step.kind === 'extract' && offers(step.connection, step.stream) === undefined)
      throw new BatonError('ERR_PLAN_INVALID', {
        detail: `Pipeline ${plan.pipeline}: the connection ${step.connection} has no stream ${step.stream}.`,
      });
  return plan;
}
