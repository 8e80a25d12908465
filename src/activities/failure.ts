import { setMaxListeners } from 'node:events';
import { ApplicationFailure, activityInfo, CancelledFailure, Context } from '@temporalio/activity';
import { redact } from '../domain/secret.js';
import type { Logger } from '../observability/logger.js';
import { BatonError, describeError, type ErrorView } from '../protocol/errors.js';

/** Of an activity's signal: sixteen requests at once, and twice as many ranges under way. */
const mostListeners = 64;

/**
 * What Temporal is told of an error: type = the catalogue's name, message = one sentence, details = the view a
 * user sees. Never a stack of ours, a cause, a header or a body.
 */
export function toFailure(
  error: unknown,
  override: { nonRetryable?: boolean; nextRetryDelayMs?: number; fix?: string } = {},
): ApplicationFailure {
  const known =
    error instanceof BatonError
      ? error
      : new BatonError('ERR_INTERNAL', {
          detail: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
          cause: error,
        });
  const view = describeError(known);
  const safe: ErrorView = JSON.parse(
    redact(JSON.stringify({ ...view, ...(override.fix === undefined ? {} : { fix: override.fix }) })),
  );
  const delay = override.nextRetryDelayMs ?? known.options.retryAfterMs;
  const failure = ApplicationFailure.create({
    type: known.error,
    message: `${safe.detail} (${safe.code})`,
    nonRetryable: override.nonRetryable ?? !known.retryable,
    details: [safe],
    ...(delay === undefined ? {} : { nextRetryDelay: delay }),
  });
  failure.stack = '';
  return failure;
}

/** To be called between two parts of a long work: hands it back, without delay, when this worker is to end. */
export function handBackIfStopping(stopping: AbortSignal): void {
  if (!stopping.aborted) return;
  const detail = 'The worker was asked to end; another one goes on.';
  throw new BatonError('ERR_WORKER_STOPPING', { detail, retryAfterMs: 100 });
}

/**
 * Runs the body of an activity: heartbeats every two seconds so that a lost worker and a cancellation are
 * noticed, logs its start and end, and turns whatever it throws into a failure that is safe to store.
 */
export async function asActivity<T>(
  log: Logger,
  fields: Readonly<Record<string, unknown>>,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const { activityType, attempt } = activityInfo();
  const bound = log.child({ activity: activityType, attempt, ...fields });
  const beat = setInterval(() => context.heartbeat(), 2_000);
  // Every request that is under way, and every range that waits, listens: far more than Node.js takes for a leak.
  setMaxListeners(mostListeners, context.cancellationSignal);
  const started = performance.now();
  try {
    const result = await body(context.cancellationSignal);
    bound.info({ ms: Math.round(performance.now() - started) }, 'done');
    return result;
  } catch (error) {
    if (context.cancellationSignal.aborted) throw new CancelledFailure('The activity was cancelled.');
    if (error instanceof CancelledFailure || error instanceof ApplicationFailure) throw error;
    const failure = toFailure(error);
    bound.warn({ error: failure.type, detail: failure.message, retryable: !failure.nonRetryable }, 'failed');
    if (failure.type === 'ERR_INTERNAL')
      bound.error({ stack: error instanceof Error ? redact(error.stack ?? '') : undefined }, 'unexpected');
    throw failure;
  } finally {
    clearInterval(beat);
  }
}
