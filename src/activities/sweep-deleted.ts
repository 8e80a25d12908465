import { activityInfo, Context } from '@temporalio/activity';
import type { OpenConnection, Stream } from '../connectors/port.js';
import type { ExtractActivities } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import type { ComparisonKey, TableSpec } from '../warehouse/port.js';
import { tableOf } from '../warehouse/staged.js';
import { beyondBudget } from './compare.js';
import { asActivity, handBackIfStopping } from './failure.js';
import { requestClass } from './outage.js';
import type { ActivityDeps } from './ports.js';
import { comparisonOf } from './repairs.js';
import { judge, told } from './vendor-failure.js';
import { patiently } from './walk.js';

type Input = Parameters<ExtractActivities['sweepDeleted']>[0];

/** So few may vanish whatever share they are: of a small table each record is a large part. */
const alwaysFew = 5;

/**
 * Asks for each key that was not listed, first many at once, then those that did not come one by one, and marks the
 * rows of which the vendor says that they do not exist. Each answer is kept with its marks, so that a repeat goes on.
 * ERR_SWEEP_TOO_MANY before anything is marked, ERR_SWEEP_BUDGET.
 */
export function sweepDeleted(deps: ActivityDeps, input: Input): Promise<{ readonly marked: number }> {
  const { runId, step, compared } = input;
  return asActivity(deps.log, { run: runId, step: step.id }, async (signal) => {
    await deps.runs.stepStarted(runId, step.id, activityInfo().attempt);
    try {
      const stream = deps.connections.stream(compared.connection, compared.stream);
      const table = tableOf(stream, compared);
      const key = { runId, stepId: step.from };
      const { gone, rows } = await deps.warehouse.comparisons.unlisted(key, table);
      refuseTooMany(input, gone, rows);
      const marked = await confirmAll(deps, input, { stream, table, key, signal });
      await deps.runs.stepCounted(runId, step.id, { 'not listed': gone, marked });
      await deps.runs.stepEnded(runId, step.id, 'succeeded', null);
      return { marked };
    } catch (error) {
      if (signal.aborted || !(error instanceof BatonError)) throw error;
      const { connection, stream, retry } = compared;
      const asStep = { ...compared, id: step.id, title: step.title, retry };
      throw await judge(deps, { ...input, step: asStep }, told({ connection, stream }, error));
    }
  });
}

function refuseTooMany({ step, compared }: Input, gone: number, rows: number): void {
  if (gone <= alwaysFew || gone <= rows * step.maxShare) return;
  throw new BatonError('ERR_SWEEP_TOO_MANY', {
    detail: `${gone} of ${rows} rows of ${compared.target.table} are not listed by ${compared.connection} any more, more than ${step.maxShare * 100} %.`,
  });
}

interface Work {
  readonly stream: Stream;
  readonly table: TableSpec;
  readonly key: ComparisonKey;
  readonly signal: AbortSignal;
}

async function confirmAll(deps: ActivityDeps, { step, compared }: Input, work: Work): Promise<number> {
  const { stream, table, key, signal } = work;
  const { comparisons } = deps.warehouse;
  const connection = deps.connections.open(compared.connection, requestClass());
  const perCall = stream.keys?.perCall ?? 1;
  let marked = 0;
  for (;;) {
    signal.throwIfAborted();
    handBackIfStopping(deps.stopping);
    const asked = await comparisons.toConfirm(key, perCall);
    if (asked.length === 0) return marked;
    const { calls } = await comparisonOf(deps.warehouse, key.runId, key.stepId);
    const answer = await ask(stream, connection, asked, Math.min(perCall, step.maxCalls - calls - 1), signal);
    marked += await comparisons.markGone(key, table, answer);
    Context.current().heartbeat(marked);
    if (answer.asked.length === 0) throw beyondBudget(compared, step.maxCalls);
  }
}

/** One call for all of them, and one for each that did not come, as far as `most` goes. */
async function ask(
  { keys }: Stream,
  connection: OpenConnection,
  ids: readonly string[],
  most: number,
  signal: AbortSignal,
) {
  if (keys === undefined || most <= 0) return { asked: [], gone: [], calls: 0 };
  const page = await patiently(() => keys.read(connection, ids, { signal }), signal);
  const given = new Set(page.records.map((record) => keys.keyOf(record)));
  const absent = ids.filter((id) => !given.has(id)).slice(0, most);
  const gone: string[] = [];
  for (const id of absent)
    if (await patiently(() => keys.isGone(connection, id, { signal }), signal)) gone.push(id);
  const asked = ids.filter((id) => given.has(id) || absent.includes(id));
  return { asked, gone, calls: page.calls + absent.length };
}
