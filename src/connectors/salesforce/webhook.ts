import { SaxesParser } from 'saxes';
import { z } from 'zod';
import { BatonError } from '../../protocol/errors.js';
import { idAt } from '../hooks/content.js';
import { notGenuine } from '../hooks/hmac.js';
import { isSame, secretSettings, secretsOf } from '../hooks/secrets.js';
import { verifyShared } from '../hooks/shared-secret.js';
import { plainText } from '../settings.js';
import type { Webhook } from '../webhook.js';

/** https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_notifications.htm */
const acknowledgement = {
  contentType: 'text/xml; charset=utf-8',
  body: [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>',
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>',
    '</soapenv:Body></soapenv:Envelope>',
  ].join(''),
} as const;

/** What an outbound message holds of what we look for. */
interface OutboundMessage {
  readonly organizationId: string;
  /** Of the first of its notifications; there are up to a hundred, sent again together. */
  readonly notificationId: string;
  readonly objectType: string;
  readonly objectId: string;
}

/**
 * Salesforce's outbound messages: SOAP, unsigned. Who sends proves itself by the secret in the address that the
 * administrator gives it (`/hooks/<connection>?key=<secret>`) and by its organization's id.
 */
export const salesforceWebhook: Webhook = {
  docs: 'https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging.htm',
  contentTypes: ['text/xml', 'application/soap+xml'],
  settings: z.strictObject({ ...secretSettings, organizationId: plainText }),
  resendMs: 86_400_000,
  open: (settings) => ({
    acknowledgement,
    verify({ query, body }) {
      const verdict = verifyShared('key in the address', query['key'], secretsOf(settings));
      if (!verdict.genuine) return verdict;
      try {
        const { organizationId } = readMessage(body);
        const isOurs = isSame(organizationId.slice(0, 15), String(settings['organizationId']).slice(0, 15));
        return isOurs ? verdict : notGenuine(`it is from the organization ${organizationId.slice(0, 20)}`);
      } catch {
        // Who knows the secret may send what we cannot read: it is kept as it is.
        return verdict;
      }
    },
    parse: readMessage,
    describe: (_, content) => ({
      id: idAt(content, 'notificationId'),
      type: `outbound.${idAt(content, 'objectType') ?? 'message'}`,
      subject: idAt(content, 'objectId'),
      occurredAt: null,
    }),
  }),
};

/** A document type is refused: entities are how XML is made to grow, or to read files. */
function readMessage(body: Buffer): OutboundMessage {
  const parser = new SaxesParser({ xmlns: false, fragment: false });
  const found: Record<string, string> = {};
  const path: string[] = [];
  let failure: string | null = null;
  const fail = (reason: string) => {
    failure ??= reason;
  };
  parser.on('error', (error) => fail(error.message.slice(0, 200)));
  parser.on('doctype', () => fail('it has a document type'));
  parser.on('opentag', ({ name, attributes }) => {
    path.push(localName(name));
    if (path.length > 100) fail('it is nested deeper than 100');
    const type = attributes['xsi:type'];
    if (path.at(-1) === 'sObject' && typeof type === 'string') found['objectType'] ??= localName(type);
  });
  parser.on('text', (text) => {
    const [name, parent] = [path.at(-1), path.at(-2)];
    if (name === 'OrganizationId') found['organizationId'] ??= text;
    if (name === 'Id' && parent === 'Notification') found['notificationId'] ??= text;
    if (name === 'Id' && parent === 'sObject') found['objectId'] ??= text;
  });
  parser.on('closetag', () => path.pop());
  parser.write(body.toString('utf8')).close();
  const { organizationId, notificationId, objectType = 'message', objectId = '' } = found;
  if (failure !== null || organizationId === undefined || notificationId === undefined)
    throw new BatonError('ERR_EVENT_CONTENT', {
      detail: `The body is no outbound message: ${failure ?? 'OrganizationId or the notification’s Id is missing'}.`,
    });
  return { organizationId, notificationId, objectType, objectId };
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
