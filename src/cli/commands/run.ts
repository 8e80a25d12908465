import { settingsOfRun } from '../../config/index.js';
import { shortRunId } from '../../control/runs.js';
import { BatonError } from '../../protocol/errors.js';
import type { Handler } from '../context.js';
import { one } from '../render/result.js';
import { temporalLink } from './links.js';
import { knownPipeline } from './names.js';
import { waitForRun } from './wait.js';

/** Starts a pipeline; with --wait shows its steps and gives its receipt. */
export const run: Handler = async (cli, [name = ''], options) => {
  const config = await cli.config();
  const pipeline = knownPipeline(config, name);
  const tenant = String(options['tenant']);
  const inputs = readInputs(options['input'] as readonly string[]);
  settingsOfRun(config, { pipeline, tenant, inputs });
  const { normalLogicalTime } = await import('../../client/index.js');
  const logicalDate = options['logicalDate'];
  const logicalTime = normalLogicalTime(logicalDate === undefined ? new Date() : String(logicalDate));
  const client = await cli.client();
  const started = await client.startPipeline({
    pipeline,
    tenant,
    logicalTime,
    fullRefresh: options['fullRefresh'] === true,
    inputs,
    trigger: 'manual',
  });
  if (options['wait'] === true) return waitForRun(cli, started.id);
  const shortId = shortRunId(started.id);
  const links = { temporal: temporalLink(config, started.id) };
  const data = { run: { id: started.id, shortId, pipeline, tenant, logicalTime, state: 'queued' }, links };
  return {
    result: one(
      data,
      (style) =>
        `${style.green('✓')} started ${style.bold(pipeline)}, run ${shortId}  ${logicalTime}\n` +
        `  ${style.dim(`next: baton runs watch ${shortId} · ${links.temporal}`)}\n`,
    ),
  };
};

/** `-i key=value`, each key once. */
function readInputs(pairs: readonly string[]): Readonly<Record<string, string>> {
  const inputs: Record<string, string> = {};
  for (const pair of pairs) {
    const [, key, value] = /^([A-Za-z][A-Za-z0-9_.-]*)=([\s\S]*)$/.exec(pair) ?? [];
    if (key === undefined || value === undefined) {
      throw new BatonError('ERR_USAGE', { detail: 'An input is written -i key=value.' });
    }
    if (Object.hasOwn(inputs, key))
      throw new BatonError('ERR_USAGE', { detail: `The input ${key} is given twice.` });
    inputs[key] = value;
  }
  return inputs;
}
