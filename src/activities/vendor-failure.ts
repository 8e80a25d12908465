import type { ApplicationFailure } from '@temporalio/activity';
import type { ExtractStep, RetryPolicy } from '../domain/plan.js';
import { redact } from '../domain/secret.js';
import { whenText } from '../domain/when.js';
import type { StepContext } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import { sendAlerts } from './alerts.js';
import { toFailure } from './failure.js';
import { alertOutage, heldBack, outageOf } from './outage.js';
import type { ActivityDeps } from './ports.js';

/**
 * The error as it may be stored and shown. Paginators know their stream but not the connection that it is read
 * from; a connection takes its own secrets out of a vendor's words, but not those of the others.
 */
export function told(
  step: Pick<ExtractStep, 'connection'> & { readonly stream?: string },
  error: BatonError,
): BatonError {
  const isStreams = error.message.startsWith(`${step.stream}: `);
  const detail = redact(isStreams ? `${step.connection}.${error.message}` : error.message);
  return new BatonError(error.error, { ...error.options, detail });
}

/**
 * The user's `retries` count the vendor's failures only, since the last progress; being asked to wait is no
 * failure, and neither is being held back while the vendor is down. The last one does not retry.
 */
export async function judge(
  deps: ActivityDeps,
  input: StepContext & { readonly step: Pick<ExtractStep, 'id' | 'title' | 'connection' | 'retry'> },
  error: BatonError,
): Promise<ApplicationFailure> {
  const { step, runId } = input;
  const outage = isOutage(error) ? await outageOf(deps.connections.open(step.connection)) : null;
  if (outage !== null) {
    const parked = heldBack(step.connection, outage);
    await deps.runs.stepEnded(runId, step.id, 'retrying', parked.message);
    await alertOutage(deps, step.connection, outage, input);
    return toFailure(parked);
  }
  if (error.options.vendor !== true || !error.retryable) {
    if (error.retryable) await deps.runs.stepEnded(runId, step.id, 'retrying', error.message);
    return toFailure(error);
  }
  const asked = error.options.retryAfterMs;
  if (isAskedToWait(error)) {
    const waitMs = asked ?? 30_000;
    await deps.runs.stepEnded(
      runId,
      step.id,
      'retrying',
      `${error.message} Going on ${whenText(waitMs, Date.now())}.`,
    );
    return toFailure(error, { nextRetryDelayMs: waitMs });
  }
  const failures = await deps.runs.countVendorFailure(runId, step.id);
  if (failures > step.retry.retries) return toFailure(error, { nonRetryable: true });
  const delayMs = asked ?? backoff(step.retry, failures);
  const detail = `${error.message} Retry ${failures} of ${step.retry.retries} in ${Math.ceil(delayMs / 1000)} s.`;
  await deps.runs.stepEnded(runId, step.id, 'retrying', detail);
  await sendAlerts(deps, deps.alerts.on_retry, {
    runId,
    tenant: input.tenant,
    cause: `run:${runId}`,
    action: 'retry',
    ordinal: `${step.id}.${failures}`,
    severity: 'warning',
    title: `${step.title}: retry ${failures} of ${step.retry.retries}`,
    text: detail,
  });
  return toFailure(error, { nextRetryDelayMs: delayMs });
}

/** The vendor is well and wants to be asked later. */
export function isAskedToWait({ error }: BatonError): boolean {
  return error === 'ERR_SOURCE_RATE_LIMITED' || error === 'ERR_SOURCE_NOT_READY';
}

/** Whether it may be that the vendor is down as a whole. */
function isOutage({ error }: BatonError): boolean {
  return (
    error === 'ERR_BREAKER_OPEN' ||
    error === 'ERR_SOURCE_UNREACHABLE' ||
    error === 'ERR_SOURCE_TIMEOUT' ||
    error === 'ERR_SOURCE_UNAVAILABLE'
  );
}

/** delay, 2 × delay, 4 × delay … up to the longest. */
export function backoff(retry: RetryPolicy, failures: number): number {
  return Math.min(retry.delayMs * 2 ** (failures - 1), retry.maxDelayMs);
}
