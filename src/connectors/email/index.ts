import { z } from 'zod';
import { Secret } from '../../domain/secret.js';
import { BatonError } from '../../protocol/errors.js';
import { createVendorHttp } from '../http.js';
import { createPlace } from '../http-failure.js';
import { defineConnector, type OpenConnection, type ResolvedConnection } from '../port.js';
import { createScrubber } from '../scrubber.js';
import { plainText, secretReference } from '../settings.js';
import { checkServer } from './check.js';
import { addressPattern, type Mailbox } from './mail.js';
import { mailNotifier } from './notifier.js';
import type { MailServer } from './session.js';

const addressMessage = 'must be an address such as data@example.com, or "Data team <data@example.com>"';

/** `address` or `name <address>`; the value is both. */
const mailbox = z.string({ error: addressMessage }).transform((text, context): Mailbox => {
  const [, name = '', address = ''] = /^(?:([^<>"\p{C}]*)<)?([^<>]+?)>?$/u.exec(text.trim()) ?? [];
  const isClosed = text.trim().endsWith('>') === text.includes('<');
  if (isClosed && addressPattern.test(address)) return { name: name.trim(), address };
  context.addIssue({ code: 'custom', message: addressMessage });
  return z.NEVER;
});

const connection = z.strictObject({
  from: mailbox,
  /** Where messages go whose channel is no address. */
  to: z
    .array(mailbox, { error: 'must be a list of addresses' })
    .min(1, { error: 'must have at least one address' })
    .max(50, { error: 'must have at most 50 addresses' }),
  auth: z.strictObject({ user: plainText, password: secretReference }).optional(),
  /** Whether smtp:// begins TLS before anything is said; smtps:// always has it. */
  tls: z.enum(['required', 'none'], { error: 'must be required or none' }).prefault('required'),
  /** The certificate authority, in PEM, of a server that the public ones do not vouch for. */
  ca: secretReference.optional(),
});

type Settings = z.infer<typeof connection>;

/**
 * Mail by SMTP. `baseUrl` is `smtp://host:587`, or `smtps://host:465` for TLS from the first byte.
 * https://www.rfc-editor.org/rfc/rfc5321
 */
export const email = defineConnector<Settings>({
  type: 'email',
  system: 'mail by SMTP',
  verifiedAgainst: ['independent server: smtp-server 3.21'],
  writes: { 'message.send': ['at_least_once'] },
  connection,
  streams: {},
  open,
});

/** The settings after secrets were resolved. */
interface Resolved {
  readonly from: Mailbox;
  readonly to: readonly Mailbox[];
  readonly auth?: { readonly user: string; readonly password: Secret };
  readonly tls: Settings['tls'];
  readonly ca?: Secret;
}

function open(settings: ResolvedConnection): OpenConnection {
  const { from, to, auth, tls, ca } = settings.settings as unknown as Resolved;
  const server = serverOf(settings, { auth, tls, ca });
  const password = auth?.password.reveal() ?? '';
  const login = Buffer.from(`\0${auth?.user ?? ''}\0${password}`).toString('base64');
  const secrets =
    auth === undefined
      ? []
      : [auth.password, ...[login, Buffer.from(password).toString('base64')].map((one) => new Secret(one))];
  const place = createPlace(
    settings.name,
    'MAIL',
    `${server.host}:${server.port}`,
    createScrubber(secrets).scrub,
  );
  // Nothing is asked over HTTP; what it has is the gate that mails go through too.
  const http = createVendorHttp({
    connection: settings.name,
    system: email.system,
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    secrets,
  });
  return {
    name: settings.name,
    http,
    vendorNow: async () => {
      throw new BatonError('ERR_PLAN_INVALID', { detail: `${settings.name}: a mail server tells no time.` });
    },
    check: (signal) => checkServer(server, place, signal),
    notifier: mailNotifier({
      server,
      addresses: { from, to },
      gate: http.gate,
      place,
      onRequest: settings.onRequest,
    }),
    close: () => http.close(),
  };
}

/** Throws ERR_CONFIG_INVALID where a password would be sent in the clear over a network. */
function serverOf(
  { name, baseUrl, limits }: ResolvedConnection,
  { auth, tls, ca }: Pick<Resolved, 'tls'> & { auth: Resolved['auth']; ca: Resolved['ca'] },
): MailServer {
  const { protocol, hostname, port } = new URL(baseUrl);
  const isImplicit = protocol === 'smtps:';
  const host = hostname.replace(/^\[|\]$/g, '');
  const isLocal = /^(?:localhost|127(?:\.\d+){3}|::1)$/.test(host);
  if (auth !== undefined && !isImplicit && tls === 'none' && !isLocal)
    throw new BatonError('ERR_CONFIG_INVALID', {
      detail: 'With `tls: none` the password would cross the network in the clear.',
      where: `connections.${name}.tls`,
      fix: 'Remove `tls: none`, or use smtps://.',
    });
  return {
    host,
    port: port === '' ? (isImplicit ? 465 : 587) : Number(port),
    tls: isImplicit ? 'first' : tls === 'none' ? 'none' : 'starttls',
    ca: ca ?? null,
    login: auth ?? null,
    timeoutMs: limits.timeoutMs,
  };
}
