import { z } from 'zod';
import { idAt, timeAt } from '../hooks/content.js';
import { defineSender } from '../port.js';
import { plainText } from '../settings.js';
import type { Webhook } from '../webhook.js';
import { cloudWatchAlarms } from './alarms.js';
import { confirmSubscription, fetchFromSns, verifySns } from './signature.js';

const topicArn = plainText.regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?$/, {
  error: 'must be the ARN of an SNS topic',
});

/**
 * Amazon SNS over HTTPS: each message is signed with a certificate of Amazon's, and only those of our topics are taken.
 * A subscription to one of them is confirmed by itself.
 * https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
 */
export function snsWebhook(fetchText: (url: URL) => Promise<string> = fetchFromSns): Webhook {
  return {
    docs: 'https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html',
    contentTypes: ['text/plain', 'application/json'],
    settings: z.strictObject({ topics: z.array(topicArn, { error: 'must be a list of topics' }).min(1) }),
    resendMs: 3_600_000,
    alerts: cloudWatchAlarms,
    open(settings) {
      const topics = settings['topics'] as readonly string[];
      const certificates = new Map<string, Promise<string>>();
      return {
        verify: (request) => verifySns({ request, topics, certificates, fetchText }),
        describe: (_, content) => ({
          id: idAt(content, 'MessageId'),
          type: idAt(content, 'Type') ?? 'Notification',
          subject: idAt(content, 'TopicArn'),
          occurredAt: timeAt(content, 'Timestamp'),
        }),
        handshake: (_, content) => confirmSubscription(content, fetchText),
      };
    },
  };
}

/** Only sends. */
export const sns = defineSender({
  type: 'sns',
  system: 'Amazon SNS',
  verifiedAgainst: ['documented examples'],
  webhook: snsWebhook(),
});
