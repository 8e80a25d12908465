import { deadlineMs, unavailable } from './failure.js';

/** One call to a vault. */
export interface Question {
  /** The reference that the call is for, as errors name it. */
  readonly reference: string;
  readonly url: string;
  readonly method?: 'GET' | 'POST';
  /** Hold secrets: never shown. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answered {
  readonly status: number;
  /** Null when the body is no JSON. Holds secrets: never shown. */
  readonly body: unknown;
}

const mostBytes = 1_048_576;

/**
 * Asks a vault once. Throws ERR_VAULT_UNAVAILABLE when it does not answer, is overloaded, sealed or broken. A redirect is not
 * followed: the token would go where nobody said.
 */
export async function ask({ reference, url, method = 'GET', headers, body }: Question): Promise<Answered> {
  const { host } = new URL(url);
  try {
    const answer = await fetch(url, {
      method,
      headers: { accept: 'application/json', ...headers },
      redirect: 'manual',
      signal: AbortSignal.timeout(deadlineMs),
      ...(body === undefined ? {} : { body }),
    });
    const { status } = answer;
    if (status === 429 || status >= 472 || (status >= 300 && status < 400)) {
      await answer.body?.cancel();
      throw unavailable(reference, `${host} answered ${status}${status < 400 ? ', a redirect' : ''}`);
    }
    return { status, body: parsed(await textOf(answer, reference, host)) };
  } catch (error) {
    throw wordsOf(error, reference, host);
  }
}

async function textOf(answer: Response, reference: string, host: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw unavailable(reference, `${host} answered with more than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Without the cause, whose texts may hold what was sent. */
function wordsOf(error: unknown, reference: string, host: string): unknown {
  if (!(error instanceof Error) || 'options' in error) return error;
  if (error.name === 'TimeoutError')
    return unavailable(reference, `${host} gave no answer in ${deadlineMs} ms`);
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : error.name;
  return unavailable(reference, `${host} cannot be reached (${code})`);
}

/** What is at a path inside a body; undefined when there is nothing. */
export function at(body: unknown, ...path: readonly string[]): unknown {
  let value = body;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
