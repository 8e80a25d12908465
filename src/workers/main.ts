import { DefaultLogger, Runtime } from '@temporalio/worker';
import { loadConfig, openSecrets, otlpPlace } from '../config/index.js';
import { connectors } from '../connectors/registry.js';
import { createLogger } from '../observability/logger.js';
import { BatonError, describeError } from '../protocol/errors.js';
import { compose } from './compose.js';
import { dispatchEvents } from './dispatch-events.js';
import { findFiles } from './find-files.js';
import { followDatabases } from './follow-changes.js';
import { findArrivals } from './intakes.js';
import { startMonitoring } from './monitoring/index.js';
import { sdkTelemetry } from './monitoring/sdk-telemetry.js';
import { openTracing } from './monitoring/tracing.js';
import { createWorkers, type Role, roles } from './queues.js';
import { sweepRetention } from './sweep-retention.js';
import { wakeDrainers } from './wake-drainers.js';

/** `--role control | data | all`; all when not given. */
function rolesFromArguments(argv: readonly string[]): readonly Role[] {
  const at = argv.indexOf('--role');
  const wanted = at === -1 ? 'all' : (argv[at + 1] ?? '');
  if (wanted === 'all') return roles;
  const role = roles.find((candidate) => candidate === wanted);
  if (role === undefined)
    throw new BatonError('ERR_USAGE', {
      detail: `--role is one of ${roles.join(', ')}, all; not "${wanted}".`,
    });
  return [role];
}

async function main(): Promise<void> {
  const wanted = rolesFromArguments(process.argv);
  const log = createLogger(`worker-${wanted.join('+')}`);
  const config = loadConfig({ connectors });
  const secrets = await openSecrets(config, log);
  secrets.keepFresh();
  const place = otlpPlace(config);
  Runtime.install({
    logger: new DefaultLogger('WARN', ({ level, message, meta }) =>
      log[level === 'ERROR' ? 'error' : 'warn']({ sdk: safeMeta(meta) }, message),
    ),
    shutdownSignals: [],
    telemetryOptions: sdkTelemetry(place),
  });
  const tracing = await openTracing(place, log);
  const parts = await compose(config, log, { clientInterceptors: tracing?.clientInterceptors ?? [] });
  const monitoring = wanted.includes('control') ? await startMonitoring(parts) : null;
  const workers = await createWorkers({
    roles: wanted,
    connection: parts.temporal,
    namespace: config.temporal.namespace,
    activities: parts.activities,
    tracing,
  });
  const stop = () => {
    log.info('stopping');
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    parts.stop();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  const running = Promise.all(workers.map((worker) => worker.run()));
  process.stdout.write(`${JSON.stringify({ ready: true, roles: wanted })}\n`);
  if (wanted.includes('control')) void wakeDrainers(parts.deps);
  const arrivals = wanted.includes('control') ? await findArrivals(config, parts.deps) : null;
  const changes = wanted.includes('control') ? followDatabases(config, parts.changes) : null;
  const files = wanted.includes('control')
    ? await findFiles(config, { ...parts.deps, ring: parts.events.ring, onFiles: parts.onFiles })
    : null;
  const dispatching = wanted.includes('control') ? dispatchEvents(parts) : null;
  const stopSweeping = wanted.includes('control') ? sweepRetention(parts.retention, config.retention) : null;
  await running;
  await monitoring?.stop();
  await arrivals?.stop();
  await changes?.stop();
  await files?.stop();
  await dispatching?.stop();
  await stopSweeping?.();
  await parts.close();
  secrets.close();
  await tracing?.close();
}

/** The SDK's own notes: errors as text only, since their objects may carry more. */
function safeMeta(meta: Record<string, unknown> | undefined): Record<string, unknown> {
  const entries = Object.entries(meta ?? {}).filter(([, value]) => typeof value !== 'function');
  return Object.fromEntries(
    entries.map(([key, value]) => [
      key,
      value instanceof Error ? value.message : typeof value === 'object' ? undefined : value,
    ]),
  );
}

try {
  await main();
  process.exit(0);
} catch (error) {
  const known = error instanceof BatonError ? error : null;
  const view = known === null ? { detail: String(error) } : describeError(known);
  process.stderr.write(`${JSON.stringify({ level: 'fatal', ...view })}\n`);
  process.exit(1);
}
