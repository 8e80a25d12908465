import { firstOf, idAt, timeAt } from '../hooks/content.js';
import { secretsOf } from '../hooks/secrets.js';
import { verifyShared } from '../hooks/shared-secret.js';
import type { Connector } from '../port.js';
import type { Webhook } from '../webhook.js';
import { ordersStream } from './orders.js';
import { type FilesSettings, filesSettings, noticeSettings } from './settings.js';

/**
 * A store’s push that tells of a new object: S3’s own form (as MinIO sends it), EventBridge through an API destination,
 * or a push subscription of Pub/Sub. It is only a bell: what is there is looked at.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 * https://cloud.google.com/storage/docs/pubsub-notifications
 */
const webhook: Webhook = {
  docs: 'https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html',
  contentTypes: ['application/json'],
  settings: noticeSettings,
  resendMs: 3_600_000,
  open(settings) {
    const header = String(settings['header']);
    return {
      verify({ headers, query }) {
        const given = headers[header]?.replace(/^Bearer /i, '') ?? query['token'];
        return verifyShared(header, given, secretsOf(settings));
      },
      describe: (_, content) => ({
        id: firstOf(idAt(content, 'message', 'messageId'), idAt(content, 'id')),
        type:
          firstOf(
            idAt(content, 'EventName'),
            idAt(content, 'Records', '0', 'eventName'),
            idAt(content, 'detail-type'),
            idAt(content, 'message', 'attributes', 'eventType'),
          ) ?? 'notice',
        subject: firstOf(
          idAt(content, 'Key'),
          idAt(content, 'Records', '0', 's3', 'object', 'key'),
          idAt(content, 'detail', 'object', 'key'),
          idAt(content, 'message', 'attributes', 'objectId'),
        ),
        occurredAt:
          timeAt(content, 'Records', '0', 'eventTime') ??
          timeAt(content, 'time') ??
          timeAt(content, 'message', 'publishTime'),
      }),
    };
  },
};

/** Orders that others put as files into a folder or a bucket: JSON, JSON lines or CSV. */
export const files: Connector<FilesSettings> = {
  type: 'files',
  system: 'files in a folder or a bucket',
  verifiedAgainst: ['independent server: versitygw 1.8', 'independent server: moto 5.2'],
  connection: filesSettings,
  streams: {},
  webhook,
  streamsOf: (settings) => ({ orders: ordersStream(settings) }),
};
