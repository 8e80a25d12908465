import { BatonError } from '../protocol/errors.js';
import { nearest } from './closest.js';
import { withInputs } from './inputs.js';
import type { BatonConfig, PipelineSettings } from './types.js';

/** Whose data a run moves, which pipeline does it, and what is otherwise for this run. */
export interface RunRequest {
  readonly pipeline: string;
  readonly tenant: string;
  readonly inputs: Readonly<Record<string, string>>;
}

/** The pipelines of baton.yaml with their settings. */
export function configuredPipelines(config: BatonConfig): readonly (readonly [string, PipelineSettings])[] {
  return Object.entries(config.pipelines).flatMap(([name, settings]) =>
    settings === undefined ? [] : [[name, settings] as const],
  );
}

/**
 * The settings of the run: those of its pipeline with the run's inputs in their place; null when the
 * configuration has none of that name. Throws ERR_UNKNOWN_NAME for a tenant that is not served, ERR_INPUT_INVALID.
 */
export function settingsOfRun(config: BatonConfig, request: RunRequest): PipelineSettings | null {
  const { pipeline, tenant, inputs } = request;
  knownTenant(config, tenant);
  const pipelines: Readonly<Record<string, PipelineSettings | undefined>> = config.pipelines;
  const settings = Object.hasOwn(pipelines, pipeline) ? pipelines[pipeline] : undefined;
  return settings === undefined ? null : withInputs(pipeline, settings, inputs);
}

/** The tenant itself when this installation serves it. Throws ERR_UNKNOWN_NAME with the nearest ones. */
export function knownTenant(config: BatonConfig, name: string): string {
  if (config.tenants.includes(name)) return name;
  throw new BatonError('ERR_UNKNOWN_NAME', {
    detail: `No tenant "${name}".${nearest(name, config.tenants)}`,
    fix: 'Name one of the tenants of baton.yaml, or add it there.',
  });
}
