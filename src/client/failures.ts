import {
  isGrpcServiceError,
  ScheduleNotFoundError,
  type WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, rootCause, TerminatedFailure } from '@temporalio/common';
import { BatonError, catalogue, type ErrorName } from '../protocol/errors.js';

/** gRPC status codes, https://grpc.io/docs/guides/status-codes/ */
const status = {
  cancelled: 1,
  deadline: 4,
  notFound: 5,
  forbidden: 7,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Runs a call to Temporal and tells its failures in our words. */
export async function callTemporal<T>(address: string, what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw fromTemporal(error, address, what);
  }
}

function fromTemporal(error: unknown, address: string, what: string): unknown {
  if (error instanceof BatonError) return error;
  if (error instanceof WorkflowNotFoundError) {
    return new BatonError('ERR_RUN_NOT_FOUND', {
      detail: `Temporal has no run "${error.workflowId}".`,
      cause: error,
    });
  }
  if (error instanceof ScheduleNotFoundError) {
    const detail = `There is no schedule "${error.scheduleId}".`;
    return new BatonError('ERR_UNKNOWN_NAME', { detail, fix: 'See all: baton schedules list', cause: error });
  }
  const { code, details } = grpcError(error) ?? {};
  if (code === status.unauthenticated || code === status.forbidden) {
    const detail = `Temporal at ${address} refused ${what}: the API key or certificate is missing or not accepted.`;
    return new BatonError('ERR_TEMPORAL_REFUSED', { detail, cause: error });
  }
  if (code === status.notFound && /namespace/i.test(details ?? '')) {
    const detail = `Temporal at ${address} has no such namespace (${what}).`;
    return new BatonError('ERR_TEMPORAL_REFUSED', {
      detail,
      fix: 'Correct temporal.namespace.',
      cause: error,
    });
  }
  if (isAway(error)) {
    const detail = `Temporal at ${address} did not answer (${what}).`;
    return new BatonError('ERR_TEMPORAL_UNAVAILABLE', { detail, where: address, cause: error });
  }
  return error;
}

/** Whether the same call may succeed in a moment: the server was away, or no worker answered a query. */
export function isPassing(error: unknown): boolean {
  if (error instanceof BatonError) return error.error === 'ERR_TEMPORAL_UNAVAILABLE';
  return isAway(error);
}

/** A worker's connection tells a deadline of its own as a cancellation: `1 CANCELLED: Timeout expired`. */
function isAway(error: unknown): boolean {
  const { code, message } = grpcError(error) ?? {};
  if (code === status.cancelled) return /timeout expired/i.test(message ?? '');
  return code === status.unavailable || code === status.deadline || isConnectFailure(error);
}

/** The gRPC error in the chain of causes. */
function grpcError(error: unknown) {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (isGrpcServiceError(at)) return at;
  }
  return null;
}

function isConnectFailure(error: unknown): boolean {
  return error instanceof Error && /failed to connect|ECONNREFUSED|ENOTFOUND|EAI_AGAIN/i.test(error.message);
}

/** Why a run's workflow ended without a result, as ERR_RUN_FAILED or the error of ours that it failed with. */
export function runFailure(id: string, error: WorkflowFailedError): BatonError {
  const { cause } = error;
  if (cause instanceof CancelledFailure) {
    return new BatonError('ERR_RUN_FAILED', { detail: `Run ${id} was cancelled.`, where: id, cause: error });
  }
  if (cause instanceof TerminatedFailure) {
    return new BatonError('ERR_RUN_FAILED', { detail: `Run ${id} was terminated.`, where: id, cause: error });
  }
  const application = innermostOfOurs(cause);
  const detail = application?.message ?? rootCause(cause) ?? 'it ended without a reason';
  const name = application?.type ?? '';
  return new BatonError(isErrorName(name) ? name : 'ERR_RUN_FAILED', { detail, where: id, cause: error });
}

function innermostOfOurs(error: Error | undefined): ApplicationFailure | null {
  let found: ApplicationFailure | null = null;
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof ApplicationFailure) found = at;
  }
  return found;
}

function isErrorName(name: string): name is ErrorName {
  return Object.hasOwn(catalogue, name);
}
