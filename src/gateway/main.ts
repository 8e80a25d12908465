/**
 * The gateway as a process: health, metrics, the landing page, and the reconciler. Prints one JSON line when it
 * serves, logs to stderr, ends on SIGTERM or SIGINT within seconds.
 */
import { loadConfig, openSecrets } from '../config/index.js';
import { createLogger, type Logger } from '../observability/logger.js';
import { BatonError, describeError } from '../protocol/errors.js';
import { createAccess } from './access.js';
import { openParts } from './parts.js';
import { startReconciler } from './reconciler.js';
import { createServer } from './server.js';

const stopWithinMs = 4_000;

async function main(log: Logger): Promise<void> {
  const config = loadConfig();
  const secrets = await openSecrets(config, log);
  secrets.keepFresh();
  const access = createAccess(config);
  const parts = openParts(config, log);
  const server = createServer(parts, access);
  const { host, port } = config.gateway;
  await server.listen({ host, port }).catch((cause: unknown) => {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new BatonError('ERR_GATEWAY_LISTEN', {
      detail: `Listening on ${host}:${port} failed: ${reason}.`,
      cause,
    });
  });
  const reconciler = startReconciler(parts);

  const stop = async (signal: string) => {
    log.info({ signal }, 'stopping');
    setTimeout(() => process.exit(0), stopWithinMs); // a database that hangs must not keep us
    await Promise.allSettled([server.close(), reconciler.stop()]);
    await parts.close();
    secrets.close();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));

  const [address] = server.addresses();
  const bound = typeof address === 'object' ? address.port : port;
  log.info({ host, port: bound }, 'serving');
  process.stdout.write(`${JSON.stringify({ ready: true, port: bound })}\n`);
}

const log = createLogger('gateway', 'info', 'stderr');
try {
  await main(log);
} catch (error) {
  const known = error instanceof BatonError ? describeError(error) : { detail: String(error) };
  log.fatal(known, 'the gateway could not start');
  process.exit(1);
}
