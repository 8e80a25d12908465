import { activityInfo } from '@temporalio/activity';
import type { Acknowledgement, OpenConnection } from '../connectors/port.js';
import { hasObject } from '../control/batches.js';
import { readPart } from '../lake/parts.js';
import type { ExtractActivities } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import { asActivity, handBackIfStopping } from './failure.js';
import { requestClass } from './outage.js';
import type { ActivityDeps } from './ports.js';
import { judge, told } from './vendor-failure.js';
import { patiently } from './walk.js';

type Input = Parameters<ExtractActivities['acknowledge']>[0];

/**
 * Tells the vendor of each record that was loaded. What was quarantined or filtered is not told of: it was not taken
 * over. What has changed at the vendor meanwhile is read by the next run, whatever its mark says.
 */
export function acknowledge(deps: ActivityDeps, input: Input): Promise<{ readonly told: number }> {
  const { runId, step, extracted } = input;
  return asActivity(deps.log, { run: runId, step: step.id }, async (signal) => {
    await deps.runs.stepStarted(runId, step.id, activityInfo().attempt);
    try {
      const told = await tellAll(deps, input, signal);
      await deps.runs.stepEnded(runId, step.id, 'succeeded', null);
      return { told };
    } catch (error) {
      if (signal.aborted || !(error instanceof BatonError)) throw error;
      const asStep = { ...extracted, id: step.id, title: step.title };
      throw await judge(deps, { ...input, step: asStep }, told(extracted, error));
    }
  });
}

async function tellAll(
  deps: ActivityDeps,
  { runId, step, extracted }: Input,
  signal: AbortSignal,
): Promise<number> {
  const stream = deps.connections.stream(extracted.connection, extracted.stream);
  const batch = await deps.batches.find(runId, step.from);
  const { acknowledgement } = stream;
  const steps = (await deps.runs.progress(runId))?.steps ?? [];
  const {
    parts = 0,
    told: before = 0,
    gone: lost = 0,
  } = steps.find(({ id }) => id === step.id)?.counts ?? {};
  let done = { told: before, gone: lost, parts };
  if (batch === null || acknowledgement === undefined) return done.told;
  const connection = deps.connections.open(extracted.connection, requestClass());
  for (const part of await deps.batches.parts(batch, done.parts)) {
    signal.throwIfAborted();
    handBackIfStopping(deps.stopping);
    const records = hasObject(part) ? await readPart(deps.lake, part) : [];
    const ids = records
      .filter((record) => stream.map(record, batch.parameters).kind === 'row')
      .flatMap((record) => acknowledgement.due(record) ?? []);
    const there = await tell(acknowledgement, connection, [...new Set(ids)], signal);
    const isThere = there.filter((one) => one).length;
    done = { told: done.told + isThere, gone: done.gone + there.length - isThere, parts: part.ordinal };
    await deps.runs.stepCounted(runId, step.id, done, true);
  }
  return done.told;
}

/** So many at once as the connection may have under way. */
async function tell(
  { send }: Acknowledgement,
  connection: OpenConnection,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<readonly boolean[]> {
  const all: boolean[] = [];
  const { requestsInFlight } = connection.http;
  for (let at = 0; at < ids.length; at += requestsInFlight) {
    const some = ids.slice(at, at + requestsInFlight);
    all.push(...(await Promise.all(some.map((id) => patiently(() => send(connection, id, signal), signal)))));
  }
  return all;
}
