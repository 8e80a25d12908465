import { describe, expect, it } from 'vitest';
import { readNotice } from '../../src/lake/notice.js';
import type { BatonError } from '../../src/protocol/errors.js';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
const put = {
  eventVersion: '2.1',
  eventSource: 'aws:s3',
  awsRegion: 'us-west-2',
  eventTime: '1970-01-01T00:00:00.000Z',
  eventName: 'ObjectCreated:Put',
  userIdentity: { principalId: 'AIDAJDPLRKLG7UEXAMPLE' },
  requestParameters: { sourceIPAddress: '172.16.0.1' },
  responseElements: {
    'x-amz-request-id': 'C3D13FE58DE4C810',
    'x-amz-id-2': 'FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD',
  },
  s3: {
    s3SchemaVersion: '1.0',
    configurationId: 'testConfigRule',
    bucket: {
      name: 'amzn-s3-demo-bucket',
      ownerIdentity: { principalId: 'A3NL1KOZZKExample' },
      arn: 'arn:aws:s3:::amzn-s3-demo-bucket',
    },
    object: {
      key: 'HappyFace.jpg',
      size: 1024,
      eTag: 'd41d8cd98f00b204e9800998ecf8427e',
      versionId: '096fKKXTRTtl3on89fVO.nfljtsv6qko',
      sequencer: '0055AED6DCD90281E5',
    },
  },
};

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
const created = {
  version: '0',
  id: '17793124-05d4-b198-2fde-7ededc63b103',
  'detail-type': 'Object Created',
  source: 'aws.s3',
  account: '111122223333',
  time: '2021-11-12T00:00:00Z',
  region: 'ca-central-1',
  resources: ['arn:aws:s3:::amzn-s3-demo-bucket1'],
  detail: {
    version: '0',
    bucket: { name: 'amzn-s3-demo-bucket1' },
    object: {
      key: 'example-key',
      size: 5,
      etag: 'b1946ac92492d2347c6235b4d2611184',
      'version-id': 'IYV3p45BT0ac8hjHg1houSdS1a.Mro8e',
      sequencer: '617f08299329d189',
    },
    'request-id': 'N4N7GDK58NMKJ12R',
    requester: '123456789012',
    'source-ip-address': '1.2.3.4',
    reason: 'PutObject',
  },
};

const happyFace = { bucket: 'amzn-s3-demo-bucket', key: 'HappyFace.jpg' };
const bodyOf = (...records: unknown[]) => JSON.stringify({ Records: records });

function withKey(key: string) {
  return { ...put, s3: { ...put.s3, object: { ...put.s3.object, key } } };
}

describe('a notification', () => {
  it.each([
    ['of S3', bodyOf(put), [happyFace]],
    ['of several objects', bodyOf(put, withKey('b')), [happyFace, { ...happyFace, key: 'b' }]],
    ['by way of a topic', JSON.stringify({ Type: 'Notification', Message: bodyOf(put) }), [happyFace]],
    ['of EventBridge', JSON.stringify(created), [{ bucket: 'amzn-s3-demo-bucket1', key: 'example-key' }]],
    [
      'whose key is encoded',
      bodyOf(withKey('red+flower%2B%C3%BC.jpg')),
      [{ ...happyFace, key: 'red flower+ü.jpg' }],
    ],
    ['of a removal', bodyOf({ ...put, eventName: 'ObjectRemoved:Delete' }), []],
    ['of another event of EventBridge', JSON.stringify({ ...created, 'detail-type': 'Object Deleted' }), []],
    [
      'that S3 sends to try the queue',
      JSON.stringify({
        Service: 'Amazon S3',
        Event: 's3:TestEvent',
        Time: '2014-10-13T15:57:02.089Z',
        Bucket: 'amzn-s3-demo-bucket',
        RequestId: '5582815E1AEA5ADF',
        HostId: '8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE',
      }),
      [],
    ],
  ])('%s is understood', (_what, body, objects) => {
    expect(readNotice(body)).toEqual(objects);
  });

  it.each([
    ['', /no JSON object/],
    ['canary', /no JSON object/],
    ['"canary"', /no JSON object/],
    ['[{"Records": []}]', /no JSON object/],
    ['{"canary": true}', /none of S3/],
    [bodyOf({ ...put, eventSource: 'aws:canary' }), /none of S3/],
    [bodyOf({ ...put, s3: null }), /an object is lacking/],
    [bodyOf({ ...put, s3: { bucket: {}, object: { key: 'canary' } } }), /bucket or the key is lacking/],
    [bodyOf(withKey('canary%E0%A4%A')), /not encoded/],
    [JSON.stringify({ Type: 'Notification', Message: 'canary' }), /no JSON object/],
  ])('is refused without being repeated: %s', (body, why) => {
    try {
      readNotice(body);
      expect.unreachable();
    } catch (error) {
      expect((error as BatonError).code).toBe('BTN-3032');
      expect((error as BatonError).message).toMatch(why);
      expect((error as BatonError).message).not.toContain('canary');
    }
  });
});
