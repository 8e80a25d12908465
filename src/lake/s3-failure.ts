import { BatonError } from '../protocol/errors.js';

/**
 * What an answer of S3 means for us: `absent` no such object; `exists` the condition does not hold; `conflict` come
 * again; `refused` it will not have us; `unknown` it may have done what was asked, or not.
 */
export type Verdict = 'absent' | 'exists' | 'conflict' | 'refused' | 'unknown';

interface S3Failure {
  readonly name?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList */
export function verdictOf(error: unknown): Verdict {
  const { name, $metadata } = error as S3Failure;
  const status = $metadata?.httpStatusCode;
  if (status === 412) return 'exists';
  if (status === 409) return 'conflict';
  if (status === 404 && name !== 'NoSuchBucket' && name !== 'NoSuchUpload') return 'absent';
  if (name === 'CredentialsProviderError') return 'refused';
  if (status === 400 && name === 'RequestTimeout') return 'unknown';
  if (status !== undefined && status >= 300 && status < 500 && status !== 408 && status !== 429)
    return 'refused';
  return 'unknown';
}

/**
 * The failure in our words: the call, and S3's own name for what went wrong. Never its message, which may repeat
 * the access key or what was signed.
 */
export function toLakeError(what: string, error: unknown): BatonError {
  if (error instanceof BatonError) return error;
  const { name = 'unknown error', code, $metadata } = error as S3Failure;
  const status = $metadata?.httpStatusCode;
  const words = `${code ?? name}${status === undefined ? '' : ` (HTTP ${status})`}`;
  const detail = `The lake failed at ${what}: ${words}.`;
  return new BatonError(verdictOf(error) === 'refused' ? 'ERR_LAKE_FORBIDDEN' : 'ERR_LAKE_UNAVAILABLE', {
    detail,
  });
}
