import { BatonError } from '../protocol/errors.js';

/** An object that a message tells of. */
export interface NoticedObject {
  readonly bucket: string;
  readonly key: string;
}

/**
 * The new objects that a message tells of, by its body; none, when it tells of something else (a removal, S3's own
 * test). Understands what S3 sends to a queue directly, by way of an SNS topic, and by way of EventBridge; what MinIO sends; and what Google Cloud Storage sends by way of Pub/Sub. Throws
 * ERR_NOTICE_UNREADABLE, which repeats nothing of the body.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
export function readNotice(body: string): readonly NoticedObject[] {
  const notice = objectIn(body);
  const { Records: records, Event: event, Type: type, Message: message } = notice;
  if (event === 's3:TestEvent') return [];
  if (type === 'Notification' && typeof message === 'string') return readNotice(message);
  if (notice['source'] === 'aws.s3') return fromEventBridge(notice);
  if (notice['subscription'] !== undefined) return fromPubSub(notice);
  if (!Array.isArray(records)) throw unreadable('it is none of S3');
  return records.flatMap((record) => fromRecord(fieldsOf(record)));
}

type Fields = Readonly<Record<string, unknown>>;

function objectIn(text: string): Fields {
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    throw unreadable('it is no JSON object');
  }
}

function fieldsOf(value: unknown): Fields {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Fields;
  throw unreadable('an object is lacking in it');
}

function fromRecord({ eventSource, eventName, s3 }: Fields): readonly NoticedObject[] {
  // MinIO says `minio:s3`, and puts S3's own prefix before the name.
  if (!/^[a-z]+:s3$/.test(String(eventSource))) throw unreadable('it is none of S3');
  if (!/^(?:s3:)?ObjectCreated:/.test(String(eventName))) return [];
  const { bucket, object } = fieldsOf(s3);
  // As in a form: a space is a plus.
  const key = decoded(text(fieldsOf(object)['key']).replaceAll('+', ' '));
  return [{ bucket: text(fieldsOf(bucket)['name']), key }];
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html: here keys are as they are. */
function fromEventBridge(notice: Fields): readonly NoticedObject[] {
  if (notice['detail-type'] !== 'Object Created') return [];
  const { bucket, object } = fieldsOf(notice['detail']);
  return [{ bucket: text(fieldsOf(bucket)['name']), key: text(fieldsOf(object)['key']) }];
}

/** A push of Google's Pub/Sub: what happened is in the message's attributes. https://cloud.google.com/storage/docs/pubsub-notifications */
function fromPubSub(notice: Fields): readonly NoticedObject[] {
  const { eventType, bucketId, objectId } = fieldsOf(fieldsOf(notice['message'])['attributes']);
  return eventType === 'OBJECT_FINALIZE' ? [{ bucket: text(bucketId), key: text(objectId) }] : [];
}

function text(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw unreadable('the bucket or the key is lacking in it');
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    throw unreadable('its key is not encoded as S3 does');
  }
}

function unreadable(why: string): BatonError {
  return new BatonError('ERR_NOTICE_UNREADABLE', { detail: `A message cannot be understood: ${why}.` });
}
