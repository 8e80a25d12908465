import {
  CreateBucketCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { connectors } from '../../src/connectors/registry.js';
import { findArrivals } from '../../src/workers/intakes.js';
import { type AwsServer, findAwsServer, startAwsServer } from '../setup/aws-server.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { projectRoot } from '../setup/shared.js';

const found = findAwsServer();
const bucket = 'acme-lake';
const keys = { accessKeyId: 'canaryaccesskey', secretAccessKey: 'canary-sqs-secret-7c1b44' };
/** Longer than any test: what is loaded before was found by a notification. */
const neverPolls = '1h';

describe.skipIf(found === null)('notifications of a bucket', () => {
  let aws: AwsServer;
  let s3: S3Client;
  let sqs: SQSClient;
  let baton: TestBaton;
  let queue: string;
  let deadLetters: string;
  let arrivals: { stop(): Promise<void> } | null = null;
  let log: Record<string, unknown>[] = [];
  let rounds = 0;

  beforeAll(async () => {
    aws = await startAwsServer(found ?? '');
    const options = { endpoint: aws.endpoint, region: 'eu-central-1', credentials: keys };
    s3 = new S3Client({ ...options, forcePathStyle: true });
    sqs = new SQSClient(options);
    await s3.send(
      new CreateBucketCommand({
        Bucket: bucket,
        CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' },
      }),
    );
    queue = await createQueue('acme-lake', { VisibilityTimeout: '2' });
    deadLetters = await createQueue('acme-lake-dead');
    await s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: bucket,
        NotificationConfiguration: {
          QueueConfigurations: [{ QueueArn: await arnOf(queue), Events: ['s3:ObjectCreated:*'] }],
        },
      }),
    );
    baton = await startBaton({ time: 'real', records: 10, settings: settings(neverPolls, queue) });
  }, 120_000);
  afterEach(async () => {
    await arrivals?.stop();
    arrivals = null;
    log = [];
  });
  afterAll(async () => {
    await baton?.stop();
    s3?.destroy();
    sqs?.destroy();
    await aws?.stop();
  });

  const settings = (poll: string, url: string) => ({
    LAKE_SECRET: keys.secretAccessKey,
    BATON_LAKE__TYPE: 's3',
    BATON_LAKE__BUCKET: bucket,
    BATON_LAKE__PREFIX: 'baton',
    BATON_LAKE__REGION: 'eu-central-1',
    BATON_LAKE__ENDPOINT: aws.endpoint,
    BATON_LAKE__FORCE_PATH_STYLE: 'true',
    BATON_LAKE__AUTH__ACCESS_KEY_ID: keys.accessKeyId,
    BATON_LAKE__AUTH__SECRET_ACCESS_KEY: 'secret://env/LAKE_SECRET',
    BATON_LAKE__INTAKE: '[{prefix: incoming/tickets/, connection: zendesk, stream: tickets}]',
    BATON_LAKE__POLL: poll,
    BATON_LAKE__NOTIFICATIONS__QUEUE: url,
  });

  async function createQueue(name: string, attributes: Record<string, string> = {}): Promise<string> {
    const made = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
    return made.QueueUrl ?? '';
  }

  async function attributesOf(url: string): Promise<Record<string, string>> {
    const asked = { QueueUrl: url, AttributeNames: ['All' as const] };
    return (await sqs.send(new GetQueueAttributesCommand(asked))).Attributes ?? {};
  }
  const arnOf = async (url: string) => (await attributesOf(url))['QueueArn'] ?? '';
  const send = (url: string, MessageBody: string) =>
    sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody }));
  const emptied = (url: string) =>
    expect
      .poll(
        async () => {
          const of = await attributesOf(url);
          return (
            Number(of['ApproximateNumberOfMessages']) + Number(of['ApproximateNumberOfMessagesNotVisible'])
          );
        },
        { timeout: 15_000 },
      )
      .toBe(0);

  /** As a control worker does; its first round, which looks without having been told, is over. */
  async function listen(poll = neverPolls, url = queue): Promise<void> {
    rounds += 1;
    await put(`round-${rounds}.ndjson`, 100 + rounds);
    const config = loadConfig({
      cwd: projectRoot,
      connectors,
      env: { ...baton.env, ...settings(poll, url) },
    });
    const lines = { write: (line: string) => void log.push(JSON.parse(line)) };
    arrivals = await findArrivals(config, { ...baton.deps, log: pino({}, lines) });
    await loaded(100 + rounds);
    if (url === queue) await emptied(queue);
  }

  const put = (name: string, id: number) =>
    s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: `baton/incoming/tickets/${name}`,
        Body: `${JSON.stringify({
          id,
          subject: `ticket ${id}`,
          status: 'open',
          tags: [],
          created_at: '2026-01-01T00:00:00Z',
          updated_at: '2026-01-02T00:00:00Z',
          generated_timestamp: 1_767_312_000,
        })}\n`,
      }),
    );
  const subjects = async (id: number) =>
    (
      await baton.warehouseDatabase.knex.raw('SELECT subject FROM raw.zendesk_tickets WHERE ticket_id = ?', [
        String(id),
      ])
    ).rows as { subject: string }[];
  const loaded = (id: number) =>
    expect
      .poll(() => subjects(id).catch(() => []), { timeout: 10_000, interval: 50 })
      .toEqual([{ subject: `ticket ${id}` }]);
  const arrivalsOf = async (name: string) =>
    (await baton.database.knex.raw('SELECT state FROM control.arrivals WHERE key LIKE ?', [`%${name}`]))
      .rows as unknown[];
  it('has a new object loaded within seconds while polling would take an hour', async () => {
    await listen();
    const since = Date.now();
    await put('Übersicht (1) & more.ndjson', 1);
    await loaded(1);
    console.log(`put to loaded: ${Date.now() - since} ms`);
    // S3's own test message, which came with the configuration, is gone as well.
    await emptied(queue);
    expect(log.filter(({ level }) => Number(level) > 30)).toEqual([]);
  });

  it('that come twice, late or by way of a topic load each object once', async () => {
    await listen();
    await put('twice.ndjson', 2);
    await loaded(2);
    await emptied(queue);
    const record = {
      eventSource: 'aws:s3',
      eventName: 'ObjectCreated:Put',
      s3: { bucket: { name: bucket }, object: { key: 'baton/incoming/tickets/twice.ndjson' } },
    };
    const body = JSON.stringify({ Records: [record, record] });
    await Promise.all([send(queue, body), send(queue, body)]);
    await send(queue, JSON.stringify({ Type: 'Notification', Message: body }));
    await emptied(queue);
    await put('after.ndjson', 3);
    await loaded(3);
    expect(await arrivalsOf('twice.ndjson')).toHaveLength(1);
    expect(await subjects(2)).toHaveLength(1);
  });

  it('come again when what they tell of could not be noted', async () => {
    await listen();
    const { knex } = baton.database;
    await knex.raw('ALTER TABLE control.arrivals RENAME TO arrivals_away');
    await put('again.ndjson', 6);
    await expect
      .poll(() => log.filter(({ msg }) => msg === 'an intake could not be looked at').length, {
        timeout: 15_000,
      })
      .toBeGreaterThan(1);
    await knex.raw('ALTER TABLE control.arrivals_away RENAME TO arrivals');
    await loaded(6);
    await emptied(queue);
  });

  it('that cannot be understood are told of by their id, harm nothing, and are removed or kept as dead letters', async () => {
    await listen();
    const bodies = [
      'no json',
      '[]',
      '{"Records": 1}',
      '{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]}',
    ];
    for (const body of bodies) await send(queue, body);
    await put('beside.ndjson', 4);
    await loaded(4);
    await emptied(queue);
    const told = log.filter(({ code }) => code === 'BTN-3032');
    expect(told.map(({ message, kept }) => [typeof message, kept])).toEqual(
      bodies.map(() => ['string', false]),
    );
    expect(JSON.stringify(told)).not.toContain('no json');
    await arrivals?.stop();

    const policy = { deadLetterTargetArn: await arnOf(deadLetters), maxReceiveCount: 2 };
    const strict = await createQueue('strict', {
      VisibilityTimeout: '1',
      RedrivePolicy: JSON.stringify(policy),
    });
    await listen(neverPolls, strict);
    await send(strict, 'no json');
    await expect
      .poll(
        async () =>
          (
            await sqs.send(new ReceiveMessageCommand({ QueueUrl: deadLetters, WaitTimeSeconds: 1 }))
          ).Messages?.map(({ Body }) => Body),
        { timeout: 30_000 },
      )
      .toEqual(['no json']);
  }, 90_000);

  it('are not needed: without its queue a worker says so once and finds new objects by polling', async () => {
    const gone = await createQueue('gone');
    await sqs.send(new DeleteQueueCommand({ QueueUrl: gone }));
    await listen('1s', gone);
    await put('polled.ndjson', 5);
    await loaded(5);
    expect(log.filter(({ level }) => Number(level) >= 50)).toEqual([
      expect.objectContaining({
        code: 'BTN-3030',
        detail: expect.stringMatching(/gone failed: .*NonExistent|QueueDoesNotExist/),
      }),
    ]);
    expect(JSON.stringify(log)).not.toContain(keys.secretAccessKey);
  });
});
