import { loadConfig, openSecrets } from '../../config/index.js';
import type { BatonConfig } from '../../config/types.js';
import { connectors } from '../../connectors/registry.js';
import { BatonError, describeError } from '../../protocol/errors.js';
import { machineChecks } from './doctor-machine.js';
import { serviceChecks } from './doctor-services.js';

export interface DoctorContext {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Undefined when the configuration is missing or invalid; the first check has said so. */
  readonly config: BatonConfig | undefined;
}

/** What one check found. `warn` works for now; `skip` could not be looked at. */
export interface Finding {
  readonly state: 'ok' | 'warn' | 'fail' | 'skip';
  readonly detail: string;
  /** The one thing to do about it; absent when there is nothing to do. */
  readonly fix?: string;
}

export interface DoctorCheck {
  readonly name: string;
  /** Whether it needs the configuration, and is skipped without one. */
  readonly needsConfig: boolean;
  run(context: DoctorContext): Promise<Finding>;
}

export interface DoctorResult extends Finding {
  readonly name: string;
}

/** Every check, in the order in which a person would look: the machine, the configuration, the services. */
export async function runDoctor(options: Omit<DoctorContext, 'config'>): Promise<DoctorResult[]> {
  const configuration = await readConfiguration(options);
  const context: DoctorContext = { ...options, config: configuration.config };
  const [machine, services] = await Promise.all([
    Promise.all(machineChecks.map((check) => perform(check, context))),
    Promise.all(serviceChecks.map((check) => perform(check, context))),
  ]);
  return [...machine, { name: 'configuration', ...configuration.finding }, ...services];
}

async function readConfiguration({ env, cwd }: Omit<DoctorContext, 'config'>): Promise<{
  config: BatonConfig | undefined;
  finding: Finding;
}> {
  try {
    const config = loadConfig({ env, cwd, connectors });
    await openSecrets(config);
    return { config, finding: { state: 'ok', detail: config.file } };
  } catch (error) {
    return { config: undefined, finding: asFinding(error) };
  }
}

async function perform(check: DoctorCheck, context: DoctorContext): Promise<DoctorResult> {
  if (check.needsConfig && context.config === undefined) {
    return { name: check.name, state: 'skip', detail: 'needs a valid configuration' };
  }
  try {
    return { name: check.name, ...(await check.run(context)) };
  } catch (error) {
    return { name: check.name, ...asFinding(error) };
  }
}

function asFinding(error: unknown): Finding {
  if (!(error instanceof BatonError)) return { state: 'fail', detail: (error as Error).message };
  const { detail, fix } = describeError(error);
  return { state: 'fail', detail, fix };
}
