import { z } from 'zod';
import { firstOf, idAt, timeAt } from '../hooks/content.js';
import { headerName } from '../hooks/header-secret.js';
import { verifyHmac } from '../hooks/hmac.js';
import { secretSettings, secretsOf } from '../hooks/secrets.js';
import { verifyShared } from '../hooks/shared-secret.js';
import { standardScheme } from '../hooks/standard-webhooks.js';
import type { Delivery, HookRequest, OpenWebhook, Webhook } from '../webhook.js';

/** Where a sender of one's own puts its facts; Standard Webhooks and CloudEvents names are known. */
function describe({ headers }: HookRequest, content: unknown): Delivery {
  return {
    id: firstOf(headers['webhook-id'] ?? null, headers['svix-id'] ?? null, headers['ce-id'] ?? null),
    type: firstOf(headers['ce-type'] ?? null, idAt(content, 'type'), idAt(content, 'detail-type')) ?? 'event',
    subject: firstOf(headers['ce-subject'] ?? null, idAt(content, 'subject'), idAt(content, 'data', 'id')),
    occurredAt: timeAt(content, 'timestamp') ?? timeAt(content, 'time'),
  };
}

const standard = z.strictObject({ scheme: z.literal('standard'), ...secretSettings });
const hmac = z.strictObject({
  scheme: z.literal('hmac'),
  ...secretSettings,
  header: headerName.prefault('x-signature'),
  encoding: z.enum(['hex', 'base64'], { error: 'must be hex or base64' }).prefault('hex'),
  /** What stands before the signature in its header: `sha256=`. */
  prefix: z.string({ error: 'must be text' }).prefault(''),
});
const shared = z.strictObject({
  scheme: z.literal('header'),
  ...secretSettings,
  header: headerName.prefault('x-baton-secret'),
});

/** A sender of one's own. `standard` is the one to choose: it signs the time and gives each delivery an id. */
export const ownWebhook: Webhook = {
  docs: 'https://www.standardwebhooks.com/',
  contentTypes: ['application/json', 'application/cloudevents+json'],
  settings: z.discriminatedUnion('scheme', [standard, hmac, shared], {
    error: 'must have a scheme: standard, hmac or header',
  }),
  resendMs: 86_400_000,
  open: (settings) => ({ verify: verifierOf(settings), describe }),
};

function verifierOf(settings: Readonly<Record<string, unknown>>): OpenWebhook['verify'] {
  const secrets = secretsOf(settings);
  const header = String(settings['header']);
  switch (settings['scheme']) {
    case 'standard':
      return (request) => verifyHmac(standardScheme(secrets, request), request);
    case 'hmac': {
      const prefix = String(settings['prefix']);
      const signatures = (text: string) => (text.startsWith(prefix) ? [text.slice(prefix.length)] : []);
      const encoding = settings['encoding'] === 'base64' ? 'base64' : 'hex';
      return (request) => verifyHmac({ secrets, header, encoding, signatures }, request);
    }
    default:
      return ({ headers }) => verifyShared(header, headers[header], secrets);
  }
}
