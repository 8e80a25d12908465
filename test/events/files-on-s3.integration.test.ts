import {
  CreateBucketCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { FileRow } from '../../src/control/files.js';
import { query } from '../../src/database/postgres.js';
import { type AwsServer, findAwsServer, startAwsServer } from '../setup/aws-server.js';
import { canaries } from '../setup/baton.js';
import { type Installation, startInstallation } from './installation.js';

const found = findAwsServer();
const bucket = 'raw-pos-orders';
const keys = { accessKeyId: 'canaryaccesskey', secretAccessKey: 'canary-files-secret-1f9d02' };

describe.skipIf(found === null)('files in a bucket', () => {
  let aws: AwsServer;
  let s3: S3Client;
  let sqs: SQSClient;
  let baton: Installation;

  beforeAll(async () => {
    aws = await startAwsServer(found ?? '');
    const options = { endpoint: aws.endpoint, region: 'eu-central-1', credentials: keys };
    s3 = new S3Client({ ...options, forcePathStyle: true });
    sqs = new SQSClient(options);
    const CreateBucketConfiguration = { LocationConstraint: 'eu-central-1' } as const;
    await s3.send(new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration }));
    const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: 'files' }));
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
    );
    await s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: bucket,
        NotificationConfiguration: {
          QueueConfigurations: [
            {
              QueueArn: Attributes?.['QueueArn'] ?? '',
              Events: ['s3:ObjectCreated:*'],
              Filter: { Key: { FilterRules: [{ Name: 'prefix', Value: 'told/' }] } },
            },
          ],
        },
      }),
    );
    baton = await startInstallation({
      FILES_SECRET: keys.secretAccessKey,
      BATON_CONNECTIONS__POS: JSON.stringify({
        type: 'files',
        bucket,
        region: 'eu-central-1',
        endpoint: aws.endpoint,
        forcePathStyle: true,
        auth: { accessKeyId: keys.accessKeyId, secretAccessKey: 'secret://env/FILES_SECRET' },
        // Longer than any test: what is loaded was found because somebody told of it.
        pollMs: 3_600_000,
        queue: QueueUrl,
        webhook: { secret: 'secret://env/POS_SECRET' },
      }),
    });
  }, 120_000);
  afterAll(async () => {
    await baton?.stop();
    s3?.destroy();
    sqs?.destroy();
    await aws?.stop();
  });

  const put = (Key: string, orders: readonly object[]) =>
    s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: JSON.stringify(orders) }));
  const done = (key: string, versions = 1) =>
    vi.waitFor(
      async () => {
        const { rows } = await query<FileRow>(
          baton.database.knex,
          `SELECT * FROM control.files WHERE key = :key AND state = 'done'`,
          { key },
        );
        expect(rows).toHaveLength(versions);
        return rows;
      },
      { timeout: 25_000, interval: 50 },
    );
  const value = async (id: string) =>
    (
      await query<{ value: string }>(
        baton.warehouseDatabase.knex,
        'SELECT order_value_usd::text AS value FROM raw.pos_orders WHERE order_id = :id',
        { id },
      )
    ).rows[0]?.value;

  it('are found by the queue that gets the bucket’s events, one run for each version', async () => {
    await put('told/größe one.json', [{ order_id: 'S1', subtotal: 100 }]);
    await done('told/größe one.json');
    expect(await value('S1')).toBe('108.00');
    await put('told/größe one.json', [{ order_id: 'S1', subtotal: 200 }]);
    const rows = await done('told/größe one.json', 2);
    expect(await value('S1')).toBe('216.00');
    expect(rows.map((row) => row.enriched_key).sort()[1]).toBe('enriched/told/gr+c3b6+c39fe+20one.json');
  });

  it.each([
    [
      'EventBridge',
      (key: string) => ({
        version: '0',
        id: `eb-${key}`,
        source: 'aws.s3',
        'detail-type': 'Object Created',
        detail: { bucket: { name: bucket }, object: { key } },
      }),
    ],
    [
      'Pub/Sub',
      (key: string) => ({
        message: {
          attributes: { eventType: 'OBJECT_FINALIZE', bucketId: bucket, objectId: key },
          messageId: `ps-${key}`,
          publishTime: '2026-11-20T10:00:00Z',
          data: '',
        },
        subscription: 'projects/acme/subscriptions/baton',
      }),
    ],
  ])('are found by a push of %s', async (name, notice) => {
    const key = `pushed/${name.replace('/', '')}.json`;
    await put(key, [{ order_id: name, subtotal: 10 }]);
    const body = JSON.stringify(notice(key));
    const url = `${baton.url}/hooks/pos?token=${canaries.POS_SECRET}`;
    const answer = await fetch(url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(202);
    const [file] = await done(key);
    expect(await value(name)).toBe('10.80');
    expect((file?.stored_at?.getTime() ?? 0) - (file?.modified_at.getTime() ?? 0)).toBeLessThan(10_000);
  });
});
