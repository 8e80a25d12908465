import { createVerify, X509Certificate } from 'node:crypto';
import { BatonError } from '../../protocol/errors.js';
import { idAt, timeAt, valueAt } from '../hooks/content.js';
import { notGenuine } from '../hooks/hmac.js';
import { parseStrictJson } from '../strict-json.js';
import type { Handshake, HookRequest, Verdict } from '../webhook.js';

/** What is signed of each kind of message, in this order. */
const signed: Readonly<Record<string, readonly string[]>> = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: [
    'Message',
    'MessageId',
    'SubscribeURL',
    'Timestamp',
    'Token',
    'TopicArn',
    'Type',
  ],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
};
const algorithms: Readonly<Record<string, string>> = { '1': 'RSA-SHA1', '2': 'RSA-SHA256' };
/** Amazon sends a failed message again for up to an hour, with the time of its first sending. */
const toleranceMs = 3_600_000 + 300_000;

export interface SnsCheck {
  readonly request: HookRequest;
  readonly topics: readonly string[];
  /** By address, fetched once. */
  readonly certificates: Map<string, Promise<string>>;
  readonly fetchText: (url: URL) => Promise<string>;
}

/** The certificate must come from Amazon: who may choose where it comes from may sign what he likes. */
export async function verifySns({ request, topics, certificates, fetchText }: SnsCheck): Promise<Verdict> {
  let message: unknown;
  try {
    message = parseStrictJson(request.body);
  } catch {
    return notGenuine('it is no message of SNS');
  }
  const topic = idAt(message, 'TopicArn');
  if (topic === null || !topics.includes(topic)) return notGenuine(`its topic is ${topic ?? 'not named'}`);
  const url = snsUrl(valueAt(message, 'SigningCertURL'));
  if (url === null) return notGenuine('its certificate is not from Amazon');
  const fields = signed[idAt(message, 'Type') ?? ''];
  const algorithm = algorithms[idAt(message, 'SignatureVersion') ?? ''];
  const signature = valueAt(message, 'Signature');
  if (fields === undefined || algorithm === undefined || typeof signature !== 'string')
    return notGenuine('its type or signature version is unknown');
  const sentAt = timeAt(message, 'Timestamp')?.getTime() ?? Number.NaN;
  if (!(Math.abs(request.receivedAt.getTime() - sentAt) <= toleranceMs))
    return notGenuine('it is older than SNS sends anything again');
  const verifier = createVerify(algorithm);
  for (const field of fields) {
    const value = valueAt(message, field);
    if (typeof value === 'string') verifier.update(`${field}\n${value}\n`);
  }
  const certificate = new X509Certificate(await certificateAt(url, certificates, fetchText));
  if (!isCurrent(certificate, request.receivedAt)) return notGenuine('its certificate has expired');
  return verifier.verify(certificate.publicKey, signature, 'base64')
    ? { genuine: true }
    : notGenuine('its signature does not fit');
}

/** `https://sns.eu-central-1.amazonaws.com/…`, or null. */
function snsUrl(text: unknown): URL | null {
  if (typeof text !== 'string' || !URL.canParse(text)) return null;
  const url = new URL(text);
  const isAmazon = /^sns\.[a-z0-9-]{3,}\.amazonaws\.com(?:\.cn)?$/.test(url.hostname);
  return url.protocol === 'https:' && isAmazon && url.port === '' && url.username === '' ? url : null;
}

function certificateAt(
  url: URL,
  certificates: SnsCheck['certificates'],
  fetchText: SnsCheck['fetchText'],
): Promise<string> {
  const known = certificates.get(url.href) ?? fetchText(url);
  certificates.set(url.href, known);
  known.catch(() => certificates.delete(url.href));
  return known;
}

function isCurrent({ validFrom, validTo }: X509Certificate, at: Date): boolean {
  return Date.parse(validFrom) <= at.getTime() && at.getTime() <= Date.parse(validTo);
}

/** Confirms the subscription of a topic that was verified as ours. */
export async function confirmSubscription(
  message: unknown,
  fetchText: SnsCheck['fetchText'],
): Promise<Handshake | null> {
  if (valueAt(message, 'Type') !== 'SubscriptionConfirmation') return null;
  const url = snsUrl(valueAt(message, 'SubscribeURL'));
  if (url === null)
    throw new BatonError('ERR_EVENT_CONTENT', { detail: 'The address to confirm at is not Amazon’s.' });
  await fetchText(url);
  return { contentType: 'text/plain; charset=utf-8', body: 'confirmed' };
}

/** Throws ERR_SOURCE_UNAVAILABLE: the sender is to send it again. */
export async function fetchFromSns(url: URL): Promise<string> {
  const unavailable = (what: string) =>
    new BatonError('ERR_SOURCE_UNAVAILABLE', { detail: `${url.hostname} ${what}.` });
  const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(5_000) }).catch(() => {
    throw unavailable('could not be reached');
  });
  if (!answer.ok) throw unavailable(`answered ${answer.status}`);
  return answer.text();
}
