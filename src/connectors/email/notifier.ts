import type { BatonError } from '../../protocol/errors.js';
import type { Gate, RequestOutcome } from '../gate.js';
import { meaningOf, type Place } from '../http-failure.js';
import type { EffectRequest, Notifier, ResolvedConnection, SendOutcome } from '../port.js';
import { refusedBefore, wrongBody } from '../send-outcome.js';
import { type Addresses, type Mail, toMail } from './mail.js';
import { type MailServer, type Spoken, speak } from './session.js';

/** All that sending takes. */
export interface Mailing {
  readonly server: MailServer;
  readonly addresses: Addresses;
  readonly gate: Gate;
  readonly place: Place;
  readonly onRequest: ResolvedConnection['onRequest'];
}

/**
 * Messages as mails. SMTP cannot be asked what it has: after an unknown outcome the mail is sent again with the same
 * Message-ID, by which many mail programs and servers know the repeat.
 */
export function mailNotifier(mailing: Mailing): Notifier {
  return {
    send: {
      guarantee: 'at_least_once',
      docs: 'https://www.rfc-editor.org/rfc/rfc5321',
      settleMs: 0,
      resendIsSafe: () => true,
      send: (request, signal) => post(mailing, request, signal),
      look: async () => ({ kind: 'cannot_look', reason: 'a mail server tells nobody what it has' }),
    },
    preview: (message, marker) => toMail(message, marker, mailing.addresses),
  };
}

async function post(
  { server, addresses, gate, place, onRequest }: Mailing,
  { body, marker }: EffectRequest,
  signal: AbortSignal,
): Promise<SendOutcome> {
  if (body.kind !== 'message') return wrongBody('message', body.kind);
  const mail = toMail(body, marker, addresses);
  const bytes = await inMime(mail);
  let passage: Awaited<ReturnType<Gate['pass']>>;
  try {
    signal.throwIfAborted();
    passage = await gate.pass(undefined, signal);
  } catch (error) {
    return refusedBefore(error as BatonError, place.connection);
  }
  const startedMs = performance.now();
  const to = mail.to.map(({ address }) => address);
  const spoken = await speak(server, { from: mail.from.address, to, bytes }, signal);
  onRequest?.({
    connection: place.connection,
    method: 'MAIL',
    status: spoken.kind === 'done' ? 250 : (spoken.status ?? 'error'),
    durationMs: performance.now() - startedMs,
    ...(passage.waitedMs > 0 ? { rateLimitWaitMs: passage.waitedMs } : {}),
  });
  await passage.settle(healthOf(spoken, place));
  return verdict(spoken, mail, place);
}

/** nodemailer folds and encodes headers, so that none can end before its time; no part is read from a file or an address. */
async function inMime(mail: Mail): Promise<Buffer> {
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer');
  const { answers, from, to, ...rest } = mail;
  return new MailComposer({
    ...rest,
    from: { ...from },
    to: to.map((one) => ({ ...one })),
    headers: { ...mail.headers },
    ...(answers === null ? {} : { inReplyTo: answers, references: [answers] }),
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build();
}

/**
 * What a session proves:
 * - no connection, no TLS, no login, or it broke before the end of the message was on its way: refused, may be sent again;
 * - the server's 4xx: refused, may be sent again; its 5xx: refused for good, but for 530 and 535, which somebody may mend;
 * - a 5xx before the message was begun refuses us and not the message: may be sent again;
 * - broken, or no answer, after the end of the message was on its way: unknown;
 * - some recipients taken and others not: what is refused for now is sent again to all, what is refused for good is told.
 */
export function verdict(spoken: Spoken, mail: Pick<Mail, 'messageId'>, place: Place): SendOutcome {
  if (spoken.kind === 'done') {
    const [first] = spoken.untaken;
    if (first === undefined)
      return { kind: 'confirmed', remoteId: mail.messageId, remoteUrl: null, adopted: false };
    const reason = `${place.connection}: others have it, but ${spoken.untaken.map(({ address, words }) => `${address} was refused: ${place.clean(words, 120)}`).join('; ')}`;
    return spoken.untaken.some(({ status }) => status < 500)
      ? { kind: 'unknown', reason }
      : { kind: 'refused', retryable: false, reason };
  }
  const reason = failureWords(spoken, place);
  if (spoken.status === null && spoken.mayHaveIt) return { kind: 'unknown', reason };
  return { kind: 'refused', retryable: !isForGood(spoken), reason };
}

type Failed = Extract<Spoken, { kind: 'failed' }>;

function isForGood({ stage, status, code }: Failed): boolean {
  if (stage !== 'message') return false;
  if (status !== null) return status >= 500 && ![530, 535].includes(status);
  // Larger than the server takes, or addresses that cannot be sent: seen before anything was.
  return code === 'EMESSAGE' || code === 'EENVELOPE';
}

/** What went wrong, without what must not be shown. */
export function failureWords({ status, code, words, stopped, mayHaveIt }: Failed, place: Place): string {
  const who = `${place.connection}: ${place.path}`;
  if (stopped === 'cancelled') return `${who} was cancelled`;
  if (stopped === 'deadline')
    return `${who} ${mayHaveIt ? 'did not say by the deadline that it took the mail' : 'was too slow: the deadline passed'}`;
  if (status !== null) return `${who} answered ${place.clean(words, 200)}`;
  if (mayHaveIt) return `${who} was lost before it said that it took the mail`;
  // nodemailer's own names say less than its words.
  const isOwn = /^(?:ECONNECTION|ESOCKET|EPROTOCOL|ETLS|EAUTH|EDNS|EMESSAGE|EENVELOPE|ETIMEDOUT)?$/.test(
    code,
  );
  return `${who}: ${isOwn ? place.clean(words, 200) : meaningOf(code)}`;
}

function healthOf(spoken: Spoken, place: Place): RequestOutcome {
  if (spoken.kind === 'done') return { kind: 'ok' };
  const { stage, status, stopped } = spoken;
  const isDown = status === null ? stopped !== 'cancelled' : status === 421 || stage === 'connect';
  return isDown ? { kind: 'failed', error: failureWords(spoken, place) } : { kind: 'neutral' };
}
