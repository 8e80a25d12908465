import { Secret } from '../domain/secret.js';
import type { BatonError } from '../protocol/errors.js';
import { type Answered, ask, at } from './ask.js';
import { crc32c } from './crc32c.js';
import { refused, unavailable, unresolved } from './failure.js';
import { createGcpIdentity } from './gcp-identity.js';
import type { Variables, VaultReader } from './read.js';

/** One version of a secret of Google. */
interface GcpSecret {
  /** The reference without its field, as errors name it. */
  readonly reference: string;
  readonly project: string;
  readonly secret: string;
  /** A number, an alias, or `latest`: the one that was made last. */
  readonly version: string;
}

/**
 * Reads secrets of Google Cloud's Secret Manager.
 * https://docs.cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
 */
export function createGcp(env: Variables): VaultReader {
  const identity = createGcpIdentity();

  async function call(of: GcpSecret, renewed: boolean): Promise<Answered> {
    const { reference, project, secret, version } = of;
    const { headers, universe } = await identity.headers(reference, project, { renewed });
    const [p, s, v] = [project, secret, version].map(encodeURIComponent);
    const url = `${baseUrl(env, universe, reference)}/v1/projects/${p}/secrets/${s}/versions/${v}:access`;
    return ask({ reference, url, headers });
  }

  return async ({ address: reference, path: [project = '', secret = '', version = 'latest'] }) => {
    const of = { reference, project, secret, version };
    let answer = await call(of, false);
    // The file of credentials may be another one now, or a token was revoked: asked once more.
    if (answer.status === 401) answer = await call(of, true);
    return textIn(of, answer);
  };
}

function textIn(of: GcpSecret, answer: Answered): Secret {
  const { reference } = of;
  if (answer.status !== 200) throw failureOf(of, answer);
  // What is empty is left out of the JSON.
  const data = at(answer.body, 'payload', 'data') ?? '';
  if (typeof data !== 'string' || typeof at(answer.body, 'name') !== 'string')
    throw unavailable(reference, 'what answered is no Secret Manager of Google');
  const bytes = Buffer.from(data, 'base64');
  const stored = at(answer.body, 'payload', 'dataCrc32c');
  // int64 is text in Google's JSON.
  if (stored !== undefined && Number(stored) !== crc32c(bytes))
    throw unavailable(reference, 'what arrived is not what was stored: its CRC-32C is another');
  try {
    return new Secret(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw unresolved(reference, 'the secret is binary, and only text can be used', 'Store it as UTF-8 text.');
  }
}

/** https://docs.cloud.google.com/apis/design/errors; never Google's message. */
function failureOf({ reference, project, secret, version }: GcpSecret, answer: Answered): BatonError {
  const status = wordOf(at(answer.body, 'error', 'status'));
  const words = `Secret Manager answered ${status || answer.status}`;
  const add = `gcloud secrets versions add ${secret} --project=${project} --data-file=…`;
  if (answer.status === 401) {
    const fix = 'Renew the credentials of this process; if they are good, set this machine’s clock.';
    return refused(reference, `Google refused our credentials (${status || 401})`, fix);
  }
  if (answer.status === 403) {
    const reason = reasonOf(answer.body);
    const what = `Google does not let us read it (${reason || status || 403}), or it is not there`;
    const grant = `Grant secretmanager.versions.access on it (role roles/secretmanager.secretAccessor): gcloud secrets add-iam-policy-binding ${secret} --project=${project} --role=roles/secretmanager.secretAccessor --member=…`;
    return refused(reference, what, reasonFixes[reason]?.(project) ?? grant);
  }
  if (answer.status === 404) {
    const what = `project ${project} has no secret ${secret}, or the secret no version ${version}`;
    return unresolved(reference, what, `Correct the reference, or: ${add}`);
  }
  if (status === 'FAILED_PRECONDITION')
    return unresolved(
      reference,
      `its version ${version} is disabled or destroyed`,
      `Enable the version, or: ${add}`,
    );
  return unresolved(reference, words, 'Correct the reference.');
}

const reasonFixes: Readonly<Record<string, (project: string) => string>> = {
  SERVICE_DISABLED: (project) => `gcloud services enable secretmanager.googleapis.com --project=${project}`,
  ACCESS_TOKEN_SCOPE_INSUFFICIENT: () => 'Give the machine the access scope cloud-platform.',
};

/** Why, where Google says more than PERMISSION_DENIED: the reason of its ErrorInfo. */
function reasonOf(body: unknown): string {
  const details = at(body, 'error', 'details');
  if (!Array.isArray(details)) return '';
  return wordOf(details.map((detail) => at(detail, 'reason')).find((reason) => reason !== undefined));
}

function wordOf(value: unknown): string {
  return typeof value === 'string' && /^[A-Z0-9_]{1,63}$/.test(value) ? value : '';
}

const override = 'CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER';

function baseUrl(env: Variables, universe: string, reference: string): string {
  const address = env[override] || `https://secretmanager.${universe}`;
  if (URL.canParse(address) && /^https?:$/.test(new URL(address).protocol))
    return address.replace(/\/+$/, '');
  throw unresolved(reference, `${override} is no address`, 'Correct the variable, or leave it out.');
}
