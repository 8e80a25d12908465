import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Secret } from '../domain/secret.js';
import { digestOf } from './digest.js';
import { checkFolder, checkForeignKey, checkKey, keysOf } from './keys.js';
import type { Lake, LakeEntry } from './port.js';
import { toLakeError, verdictOf } from './s3-failure.js';
import type { S3Sdk } from './s3-sdk.js';

export interface S3LakeOptions {
  readonly bucket: string;
  /** Folder of the lake in the bucket; '' = the whole bucket. */
  readonly prefix: string;
  readonly region: string;
  /** Of an S3-compatible store; null = AWS. */
  readonly endpoint: string | null;
  readonly forcePathStyle: boolean;
  /** Null = whatever the AWS SDK finds by itself: profile, web identity, container or instance role. */
  readonly credentials: S3Credentials | null;
  /** Deadline of one request. */
  readonly timeoutMs?: number;
  /** How often one request is tried at all while the store is away or asks to slow down. */
  readonly attempts?: number;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret | null;
}

/** Larger objects go up in parts of this size; S3 takes none below 5 MiB. */
const partBytes = 8_388_608;
/** An upload that nobody finished within a day is what a killed worker has left. */
const abandonedMs = 86_400_000;
/** Two writers at the same key at the same moment: the store may ask both to come again. */
const mostConflicts = 5;

/**
 * A lake in a bucket of S3, or of a store that speaks its protocol with conditional writes. An object is visible when
 * its PUT, or the last step of its upload in parts, has been answered; never before, never half.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export function createS3Lake(options: S3LakeOptions, sdk: S3Sdk): Lake {
  const { bucket: Bucket } = options;
  const prefix = checkFolder(options.prefix);
  const client = openClient(options, sdk);
  const nameOf = (key: string) => `${prefix}${key}`;
  const locate = (key: string) => `s3://${Bucket}/${nameOf(key)}`;
  const guard = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw toLakeError(what, error);
    }
  };
  /** Once per process, at its first write. */
  let swept = false;

  async function get(key: string): Promise<Buffer | null> {
    const Key = nameOf(checkForeignKey(key));
    return guard(`reading ${locate(key)}`, async () => {
      try {
        const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket, Key }));
        return Buffer.from((await Body?.transformToByteArray()) ?? []);
      } catch (error) {
        if (verdictOf(error) === 'absent') return null;
        throw error;
      }
    });
  }

  /** Small objects in one request, which is what nearly all are. */
  async function write(key: string, body: Source): Promise<void> {
    const params = { Bucket, Key: nameOf(key), Body: body.open(), IfNoneMatch: '*' };
    if (body.bytes <= partBytes) await client.send(new sdk.PutObjectCommand(params));
    else await new sdk.Upload({ client, params, partSize: partBytes, queueSize: 2 }).done();
  }

  /** Whether the object there is the one that we have sent. */
  async function isOurs(key: string, body: Source): Promise<boolean | null> {
    const stored = await stream(key);
    return stored === null ? null : (await digestOf(stored)) === (await digestOf(body.read()));
  }

  /** Of one version where one is named. */
  async function stream(key: string, version?: string): Promise<AsyncIterable<Uint8Array> | null> {
    const Key = nameOf(checkForeignKey(key));
    const what = `reading ${locate(key)}`;
    return guard(what, async () => {
      try {
        const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket, Key, IfMatch: version }));
        return Body === undefined ? null : pieces(what, Body as unknown as AsyncIterable<Uint8Array>);
      } catch (error) {
        if (['absent', 'exists'].includes(verdictOf(error))) return null;
        throw error;
      }
    });
  }

  async function* scan(folder: string): AsyncIterable<LakeEntry> {
    const Prefix = nameOf(checkFolder(folder));
    let ContinuationToken: string | undefined;
    do {
      const page = await guard(`listing ${locate(folder)}`, () =>
        client.send(
          new sdk.ListObjectsV2Command({ Bucket, Prefix, ...(ContinuationToken && { ContinuationToken }) }),
        ),
      );
      for (const { Key = '', Size = 0, ETag = '', LastModified = new Date(0) } of page.Contents ?? [])
        if (!Key.endsWith('/'))
          yield { key: Key.slice(prefix.length), bytes: Size, version: ETag, modifiedAt: LastModified };
      ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined);
  }

  async function put(key: string, body: Source): Promise<{ created: boolean }> {
    checkKey(key);
    if (!swept) void sweepUploads(client, sdk, Bucket, prefix);
    swept = true;
    for (let conflicts = 0; ; conflicts += 1)
      try {
        await write(key, body);
        return { created: true };
      } catch (error) {
        const verdict = verdictOf(error);
        if (verdict === 'conflict' && conflicts < mostConflicts) {
          await sleep(50 * 2 ** conflicts * (0.5 + Math.random()));
          continue;
        }
        // The first answer may have got lost, and this be the answer to a repeat: what is there tells.
        if (verdict === 'exists')
          return { created: triesOf(error) > 1 && (await isOurs(key, body)) === true };
        const failure = toLakeError(`writing ${locate(key)}`, error);
        if (verdict !== 'unknown') throw failure;
        const ours = await isOurs(key, body).catch(() => null);
        if (ours === null) throw failure;
        return { created: ours };
      }
  }

  return {
    putIfAbsent: (key, body) => put(key, sourceOf(body)),
    async putFile(key, file) {
      const body = await fileSource(file);
      return (await put(key, body)).created || (await isOurs(key, body)) === true;
    },

    get,

    read: ({ key, version }) => stream(key, version),

    scan,
    list: (folder) => keysOf(scan(folder)),

    async remove(key) {
      const Key = nameOf(checkForeignKey(key));
      await guard(`removing ${locate(key)}`, () => client.send(new sdk.DeleteObjectCommand({ Bucket, Key })));
    },

    locate,
    showsUnfinished: false,
    close: () => client.destroy(),
  };
}

function openClient(options: S3LakeOptions, sdk: S3Sdk): S3Client {
  const { region, endpoint, forcePathStyle, credentials, timeoutMs = 60_000, attempts = 5 } = options;
  return new sdk.S3Client({
    region,
    forcePathStyle,
    ...(endpoint === null ? {} : { endpoint }),
    ...(credentials === null
      ? {}
      : {
          credentials: {
            accessKeyId: credentials.accessKeyId,
            secretAccessKey: credentials.secretAccessKey.reveal(),
            ...(credentials.sessionToken === null ? {} : { sessionToken: credentials.sessionToken.reveal() }),
          },
        }),
    maxAttempts: attempts,
    // Every object is checked against its own sha256; the store's checksum would only hide which one is broken.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: Math.min(5_000, timeoutMs),
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: timeoutMs,
    },
  });
}

/** A connection that breaks in the middle of an object is the store's failure. */
async function* pieces(what: string, body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw toLakeError(what, error);
  }
}

/** Gives back the room of uploads that will never be finished. A role that may not do so leaves it to the bucket's own rules. */
async function sweepUploads(client: S3Client, sdk: S3Sdk, Bucket: string, Prefix: string): Promise<void> {
  try {
    const { Uploads = [] } = await client.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix }));
    for (const { Key, UploadId, Initiated } of Uploads)
      if (Initiated !== undefined && Date.now() - Initiated.getTime() > abandonedMs)
        await client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  } catch {
    // Nothing that a later process cannot do.
  }
}

function triesOf(error: unknown): number {
  return (error as { $metadata?: { attempts?: number } }).$metadata?.attempts ?? 1;
}

/** What is to be stored; opened anew for each try. */
interface Source {
  readonly bytes: number;
  readonly open: () => Uint8Array | Readable;
  readonly read: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

function sourceOf(body: Uint8Array): Source {
  return { bytes: body.length, open: () => body, read: () => [body] };
}

/** A small one is read at once: a stream cannot be sent again by the SDK itself. */
async function fileSource(file: string): Promise<Source> {
  const { size } = await stat(file);
  if (size <= partBytes) return sourceOf(await readFile(file));
  const open = () => createReadStream(file);
  return { bytes: size, open, read: open };
}
