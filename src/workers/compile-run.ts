import { type BatonConfig, type RunRequest, settingsOfRun } from '../config/index.js';
import type { Plan } from '../domain/plan.js';
import { compilePlan, pipelineIdOf } from '../pipelines/index.js';

/** The plan that a run executes. Whoever started it may not have known this configuration: all is checked again. */
export function compileRun(config: BatonConfig, request: RunRequest): Plan {
  const pipeline = pipelineIdOf(request.pipeline) ?? request.pipeline;
  const settings = settingsOfRun(config, { ...request, pipeline });
  return compilePlan(request.pipeline, settings === null ? {} : { [pipeline]: settings });
}
