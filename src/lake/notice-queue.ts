import type { Message, SQSClient } from '@aws-sdk/client-sqs';
import { BatonError } from '../protocol/errors.js';
import type { S3Credentials } from './s3.js';

/** The queue into which the lake's bucket puts a message for each new object. */
export interface NoticeQueue {
  /** As people know it: the last part of its address. */
  readonly name: string;
  /** Whether it hands what nobody could handle to another queue, where a person finds it. Fails like `receive`. */
  hasDeadLetters(): Promise<boolean>;
  /**
   * Up to ten messages, or none after waiting so long for the first. They are hidden from others for the queue's
   * visibility timeout, and come again unless they are removed. Fails with ERR_NOTICES_REFUSED for good,
   * ERR_NOTICES_UNAVAILABLE for now.
   */
  receive(waitSeconds: number, signal: AbortSignal): Promise<readonly Notice[]>;
  /** What could not be removed comes again. */
  remove(notices: readonly Notice[]): Promise<void>;
  close(): void;
}

export interface Notice {
  readonly id: string;
  readonly body: string;
  /** Stands for this receipt of it. */
  readonly handle: string;
}

export interface NoticeQueueOptions {
  /** `https://sqs.eu-central-1.amazonaws.com/123456789012/lake`. */
  readonly url: string;
  /** Where the address does not tell it. */
  readonly region: string;
  readonly credentials: S3Credentials | null;
}

export const mostNotices = 10;

/** Longer than the longest poll. */
const requestTimeoutMs = 30_000;

/** Over the AWS SDK, which is loaded now; no request yet. Throws ERR_LAKE_DRIVER_MISSING with the command. */
export async function openNoticeQueue(options: NoticeQueueOptions): Promise<NoticeQueue> {
  const sdk = await loadSdk();
  const { url: QueueUrl } = options;
  const client = openClient(sdk, options);
  const guard = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw toNoticesError(`${what} ${QueueUrl}`, error);
    }
  };

  return {
    name: QueueUrl.slice(QueueUrl.lastIndexOf('/') + 1),
    hasDeadLetters: () =>
      guard('looking at', async () => {
        const asked = { QueueUrl, AttributeNames: ['RedrivePolicy' as const] };
        const { Attributes } = await client.send(new sdk.GetQueueAttributesCommand(asked));
        return Boolean(Attributes?.['RedrivePolicy']);
      }),
    receive: (WaitTimeSeconds, abortSignal) =>
      guard('reading', async () => {
        const asked = { QueueUrl, WaitTimeSeconds, MaxNumberOfMessages: mostNotices };
        const { Messages = [] } = await client.send(new sdk.ReceiveMessageCommand(asked), { abortSignal });
        return Messages.map(toNotice);
      }),
    async remove(notices) {
      for (let at = 0; at < notices.length; at += mostNotices) {
        const some = notices.slice(at, at + mostNotices);
        const Entries = some.map(({ handle }, index) => ({ Id: String(index), ReceiptHandle: handle }));
        await guard('removing messages of', () =>
          client.send(new sdk.DeleteMessageBatchCommand({ QueueUrl, Entries })),
        );
      }
    },
    close: () => client.destroy(),
  };
}

function toNotice({ MessageId = '', Body = '', ReceiptHandle = '' }: Message): Notice {
  return { id: MessageId, body: Body, handle: ReceiptHandle };
}

type SqsSdk = Awaited<ReturnType<typeof loadSdk>>;

async function loadSdk() {
  try {
    return await import('@aws-sdk/client-sqs');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new BatonError('ERR_LAKE_DRIVER_MISSING', {
      detail: 'The lake’s notifications come over SQS, and the package that speaks to it is not installed.',
      fix: 'npm install @aws-sdk/client-sqs@3',
      cause,
    });
  }
}

function openClient(sdk: SqsSdk, { url, region, credentials }: NoticeQueueOptions): SQSClient {
  return new sdk.SQSClient({
    region: regionOf(url) ?? region,
    endpoint: new URL(url).origin,
    ...(credentials === null
      ? {}
      : {
          credentials: {
            accessKeyId: credentials.accessKeyId,
            secretAccessKey: credentials.secretAccessKey.reveal(),
            ...(credentials.sessionToken === null ? {} : { sessionToken: credentials.sessionToken.reveal() }),
          },
        }),
    maxAttempts: 2,
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: requestTimeoutMs,
    },
  });
}

/** https://docs.aws.amazon.com/general/latest/gr/sqs-service.html */
function regionOf(url: string): string | null {
  return /(?:^|\.)sqs(?:-fips)?\.([a-z]+(?:-[a-z]+)+-\d+)\./.exec(new URL(url).hostname)?.[1] ?? null;
}

interface SqsFailure {
  readonly name?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

const passing = new Set(['RequestThrottled', 'ThrottlingException', 'OverLimit', 'KmsThrottled']);

/** In our words: what was done, and SQS's own name for what went wrong; never its message. */
function toNoticesError(what: string, error: unknown): BatonError {
  const { name = 'unknown error', code, $metadata } = error as SqsFailure;
  const status = $metadata?.httpStatusCode;
  const isFinal =
    name === 'CredentialsProviderError' ||
    (status !== undefined && status >= 400 && status < 500 && ![408, 429].includes(status));
  const words = `${code ?? name}${status === undefined ? '' : ` (HTTP ${status})`}`;
  return new BatonError(isFinal && !passing.has(name) ? 'ERR_NOTICES_REFUSED' : 'ERR_NOTICES_UNAVAILABLE', {
    detail: `${what} failed: ${words}.`,
  });
}
