import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { type AwsVariables, awsVariables } from '../config/aws.js';
import { BatonError } from '../protocol/errors.js';
import { refused, unavailable, unreachable, unresolved, withDeadline } from './failure.js';
import type { Variables } from './read.js';

/** A request that is to be signed. */
export interface AwsRequest {
  /** The address of the secret, as errors name it. */
  readonly reference: string;
  readonly url: URL;
  readonly region: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface AwsSigner {
  /** The headers to send. `renewed`: with credentials that are asked for anew. */
  sign(request: AwsRequest, options?: { readonly renewed: boolean }): Promise<Record<string, string>>;
  /** Whether other credentials may be had than those that were refused. */
  readonly isRenewable: boolean;
}

interface Identity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

type IdentityProvider = (options?: { readonly forceRefresh?: boolean }) => Promise<Identity>;

const service = 'secretsmanager';

/** Signature version 4, as whom AWS's own variables say, else as whom the SDK finds: profile, role of the pod or the machine. */
export function createAwsSigner(env: Variables): AwsSigner {
  const customary = awsVariables(env);
  let provider: Promise<IdentityProvider> | null = null;

  async function identity(reference: string, forceRefresh: boolean): Promise<Identity> {
    provider ??= identityProvider(customary, reference);
    try {
      const asked = provider.then((identityOf) => identityOf({ forceRefresh }));
      return await withDeadline(reference, 'who gives us credentials for AWS', asked);
    } catch (error) {
      throw inOurWords(reference, error);
    }
  }

  return {
    isRenewable: customary.keys === null,
    async sign({ reference, url, region, headers, body }, { renewed } = { renewed: false }) {
      const { SignatureV4 } = await load(reference, () => import('@smithy/signature-v4'));
      const credentials = await identity(reference, renewed);
      const signer = new SignatureV4({ service, region, credentials, sha256: Sha256 });
      const signed = await signer.sign({
        method: 'POST',
        protocol: url.protocol,
        hostname: url.hostname,
        path: url.pathname,
        query: {},
        headers: { host: url.host, ...headers },
        body,
      });
      const { host: _, ...sent } = signed.headers;
      return sent;
    },
  };
}

async function identityProvider(
  { keys, profile }: AwsVariables,
  reference: string,
): Promise<IdentityProvider> {
  if (keys !== null) {
    const { accessKeyId, secretAccessKey, sessionToken } = keys;
    const session = sessionToken === null ? {} : { sessionToken: sessionToken.reveal() };
    return async () => ({ accessKeyId, secretAccessKey: secretAccessKey.reveal(), ...session });
  }
  const { defaultProvider } = await load(reference, () => import('@aws-sdk/credential-provider-node'));
  // The files of profiles are read each time anew: a login renews them.
  return defaultProvider({ ignoreCache: true, ...(profile === null ? {} : { profile }) });
}

/** The parts of the AWS SDK that only those install who have secrets there. */
async function load<T>(reference: string, part: () => Promise<T>): Promise<T> {
  try {
    return await part();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const fix = 'npm install @aws-sdk/credential-provider-node@3 @smithy/signature-v4@5';
    throw unresolved(reference, 'the packages that sign requests to AWS are not installed', fix);
  }
}

/** Without its message, which may repeat what a login's program wrote. */
function inOurWords(reference: string, error: unknown): unknown {
  if (error instanceof BatonError) return error;
  const code = unreachable(error);
  if (code !== null)
    return unavailable(reference, `who gives us credentials for AWS cannot be reached (${code})`);
  const { name = 'unknown error' } = error as { name?: string };
  const fix =
    'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (`aws sso login`), or give the pod or machine a role.';
  return refused(reference, `no credentials for AWS can be had (${name})`, fix);
}

/** Node's own, in the shape that the signer asks for. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new Error('A hash is used once.');
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
