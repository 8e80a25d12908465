/**
 * A worker as src/workers/main.ts starts it, with the bench's connector and plan besides.
 * Arguments: role, records a page.
 */
import path from 'node:path';
import { createActivities } from '../../src/activities/index.js';
import { loadConfig } from '../../src/config/index.js';
import { connectors as registry } from '../../src/connectors/registry.js';
import { createLogger } from '../../src/observability/logger.js';
import { BatonError } from '../../src/protocol/errors.js';
import { compose } from '../../src/workers/compose.js';
import { createWorkers, roles } from '../../src/workers/queues.js';
import { benchConnector, benchType } from './connector.js';
import { benchPipeline, benchPlan } from './plan.js';

const [role = '', page = '1000'] = process.argv.slice(2);
const connectors = { ...registry, [benchType]: benchConnector(Number(page)) };
const config = loadConfig({ connectors });
const settings = config.pipelines[benchPipeline];
if (settings === undefined) throw new BatonError('ERR_CONFIG_INVALID', { detail: 'No bench pipeline.' });
const plan = benchPlan(settings);
const parts = await compose(config, createLogger(`worker-${role}`), {
  connectors,
  program: path.join(import.meta.dirname, 'encode-thread.js'),
});
const workers = await createWorkers({
  roles: roles.filter((candidate) => candidate === role),
  connection: parts.temporal,
  namespace: config.temporal.namespace,
  activities: createActivities({ ...parts.deps, compile: () => plan }),
});

process.once('SIGTERM', () => {
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  parts.stop();
});
const running = Promise.all(workers.map((worker) => worker.run()));
process.stdout.write(`${JSON.stringify({ ready: true, role })}\n`);
await running;
await parts.close();
process.exit(0);
