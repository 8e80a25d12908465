import type { BatonError, ErrorName } from '../protocol/errors.js';

/** What a script can tell from the exit code; `baton help exit-codes` prints it. */
export const exitCodes = {
  ok: { code: 0, meaning: 'done; an empty list is also 0' },
  failed: { code: 1, meaning: 'the operation ran and failed' },
  usage: { code: 2, meaning: 'unknown command, flag or name, or a value is missing' },
  invalid: { code: 3, meaning: 'the configuration or the pipeline is not valid' },
  refused: { code: 4, meaning: 'credentials refused, or a connection’s test failed' },
  timeout: { code: 5, meaning: '--timeout ran out while waiting; the run goes on' },
  unreachable: { code: 7, meaning: 'a service could not be reached: see `baton doctor`' },
  conflict: { code: 8, meaning: 'someone else was first' },
  interrupted: { code: 130, meaning: 'interrupted' },
} as const;

export type ExitKind = keyof typeof exitCodes;

const kinds: Partial<Record<ErrorName, ExitKind>> = {
  ERR_CONFIG_INVALID: 'invalid',
  ERR_CONFIG_MISSING: 'invalid',
  ERR_SECRET_UNRESOLVED: 'invalid',
  ERR_PLAN_INVALID: 'invalid',
  ERR_INPUT_INVALID: 'invalid',
  ERR_CONNECTION_TYPE_UNKNOWN: 'invalid',
  ERR_USAGE: 'usage',
  ERR_UNKNOWN_NAME: 'usage',
  ERR_RUN_NOT_FOUND: 'usage',
  ERR_NODE_VERSION: 'usage',
  ERR_SOURCE_AUTH: 'refused',
  ERR_SOURCE_FORBIDDEN: 'refused',
  ERR_TEMPORAL_REFUSED: 'refused',
  ERR_CONNECTION_TEST_FAILED: 'refused',
  ERR_WAIT_TIMEOUT: 'timeout',
  ERR_TEMPORAL_UNAVAILABLE: 'unreachable',
  ERR_CONTROL_UNAVAILABLE: 'unreachable',
  ERR_WAREHOUSE_UNAVAILABLE: 'unreachable',
  ERR_SOURCE_UNREACHABLE: 'unreachable',
  ERR_RUN_TAKEN: 'conflict',
  ERR_STACK_RUNNING: 'conflict',
  ERR_WATERMARK_MOVED: 'conflict',
};

export function exitCodeOf(error: BatonError): number {
  return exitCodes[kinds[error.error] ?? 'failed'].code;
}
