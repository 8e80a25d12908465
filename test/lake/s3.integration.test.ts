import { randomBytes } from 'node:crypto';
import { readdirSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/domain/secret.js';
import type { Lake } from '../../src/lake/port.js';
import { probeLake } from '../../src/lake/probe.js';
import { createS3Lake, type S3LakeOptions } from '../../src/lake/s3.js';
import { loadS3Sdk, type S3Sdk } from '../../src/lake/s3-sdk.js';
import { BatonError } from '../../src/protocol/errors.js';
import { findS3Server, type S3Server, startS3Server } from '../setup/s3-server.js';
import { type BadLine, startBadLine } from './bad-line.js';
import { all, describeLake } from './contract.js';

const found = findS3Server();
/** Nobody listens there. */
const nowhere = 'http://127.0.0.1:9';

function optionsOf(server: S3Server, more: Partial<S3LakeOptions> = {}): S3LakeOptions {
  return {
    bucket: server.bucket,
    prefix: 'baton/test',
    region: 'us-east-1',
    endpoint: server.endpoint,
    forcePathStyle: true,
    credentials: {
      accessKeyId: server.keys.accessKeyId,
      secretAccessKey: new Secret(server.keys.secretAccessKey),
      sessionToken: null,
    },
    ...more,
  };
}

function credentials(accessKeyId: string, secret: string): S3LakeOptions['credentials'] {
  return { accessKeyId, secretAccessKey: new Secret(secret), sessionToken: null };
}

describe.skipIf(found === null)('a lake on S3', () => {
  describeLake('a bucket', async () => {
    const server = await startS3Server(found ?? '');
    const sdk = await loadS3Sdk();
    const options = optionsOf(server);
    const stranger = server.addStranger();
    const lakes = [
      createS3Lake(options, sdk),
      createS3Lake(
        { ...options, credentials: credentials(stranger.accessKeyId, stranger.secretAccessKey) },
        sdk,
      ),
      createS3Lake({ ...options, endpoint: nowhere, attempts: 2 }, sdk),
    ] as const;
    const [lake, denied, away] = lakes;
    return {
      lake,
      place: { type: 's3', ...options, credentials: { ...server.keys, sessionToken: null } },
      fileOf: (key) => path.join(server.root, server.bucket, options.prefix, key),
      denied,
      away,
      secrets: [...Object.values(server.keys), ...Object.values(stranger)],
      async stop() {
        for (const one of lakes) one.close();
        await server.stop();
      },
    };
  });

  describe('over a line that loses answers', () => {
    let server: S3Server;
    let line: BadLine;
    let sdk: S3Sdk;
    let lake: Lake;
    let impatient: Lake;

    beforeAll(async () => {
      server = await startS3Server(found ?? '');
      line = await startBadLine(server.endpoint);
      sdk = await loadS3Sdk();
      lake = createS3Lake(optionsOf(server, { endpoint: line.endpoint }), sdk);
      impatient = createS3Lake(
        optionsOf(server, { endpoint: line.endpoint, timeoutMs: 400, attempts: 1 }),
        sdk,
      );
    });
    afterAll(async () => {
      lake?.close();
      impatient?.close();
      await line?.close();
      await server?.stop();
    });

    it('knows its own object again when the answer to its write was lost', async () => {
      const body = Buffer.from('mine');
      line.plan('PUT', ['lose the answer']);
      expect(await lake.putIfAbsent('lost/1', body)).toEqual({ created: true });
      expect(line.seen()).toBe(2);
      expect(String(await lake.get('lost/1'))).toBe('mine');
    });

    it('knows another’s object for another’s, also then', async () => {
      await lake.putIfAbsent('lost/2', Buffer.from('theirs'));
      line.plan('PUT', ['lose the answer']);
      expect(await lake.putIfAbsent('lost/2', Buffer.from('mine'))).toEqual({ created: false });
      line.plan('PUT', ['never answer']);
      expect(await impatient.putIfAbsent('lost/2', Buffer.from('mine'))).toEqual({ created: false });
      expect(String(await lake.get('lost/2'))).toBe('theirs');
    });

    it('looks when the deadline has passed: it was written after all', async () => {
      line.plan('PUT', ['never answer']);
      expect(await impatient.putIfAbsent('lost/3', Buffer.from('late'))).toEqual({ created: true });
    });

    it('the same for an object that goes up in parts', async () => {
      const body = randomBytes(20_000_000);
      line.plan('POST', ['pass', 'lose the answer']); // its beginning, its end
      expect(await lake.putIfAbsent('lost/4', body)).toEqual({ created: true });
      expect((await lake.get('lost/4'))?.equals(body)).toBe(true);
      const { version } = (await all(lake.scan('lost/'))).find(({ key }) => key === 'lost/4') ?? {};
      expect(version).toMatch(/-3"$/);
    });

    it('waits when the store asks to slow down, and gives up in time', async () => {
      line.plan('PUT', ['slow down', 'slow down']);
      expect(await lake.putIfAbsent('busy/1', Buffer.from('x'))).toEqual({ created: true });
      expect(line.seen()).toBe(3);
      line.plan(
        'PUT',
        Array.from({ length: 10 }, () => 'slow down' as const),
      );
      const error = await lake.putIfAbsent('busy/2', Buffer.from('x')).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ error: 'ERR_LAKE_UNAVAILABLE', retryable: true });
      expect((error as Error).message).toContain('SlowDown (HTTP 503)');
      expect(line.seen()).toBe(5);
      line.plan('PUT', []);
    });

    it('says when the connection breaks in the middle of an object, which is worth another try', async () => {
      await lake.putIfAbsent('broken', randomBytes(3_000_000));
      const [entry] = (await all(lake.scan(''))).filter(({ key }) => key === 'broken');
      const bytes = entry === undefined ? null : await lake.read(entry);
      await line.close();
      const read = all(bytes ?? fail()).then(
        (pieces) => Buffer.concat(pieces).length,
        (error: BatonError) => error.error,
      );
      expect(['ERR_LAKE_UNAVAILABLE', 3_000_000]).toContain(await read);
      line = await startBadLine(server.endpoint);
    });
  });

  it('gives back the room of uploads that nobody finished within a day', async () => {
    const server = await startS3Server(found ?? '');
    const sdk = await loadS3Sdk();
    const client = new sdk.S3Client({
      region: 'us-east-1',
      endpoint: server.endpoint,
      forcePathStyle: true,
      credentials: server.keys,
    });
    const Bucket = server.bucket;
    const begin = async (Key: string) => {
      const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
      await client.send(
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: Buffer.alloc(100) }),
      );
    };
    await begin('baton/test/old');
    const before = Date.now() / 1000 - 90_000;
    for (const name of readdirSync(path.join(server.root, Bucket), { recursive: true, encoding: 'utf8' }))
      utimesSync(path.join(server.root, Bucket, name), before, before);
    await begin('baton/test/young');
    const left = async () =>
      (await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads?.map(({ Key }) => Key);
    expect((await left())?.sort()).toEqual(['baton/test/old', 'baton/test/young']);
    const lake = createS3Lake(optionsOf(server), sdk);
    await lake.putIfAbsent('a', Buffer.from('a'));
    await expect.poll(left).toEqual(['baton/test/young']);
    lake.close();
    client.destroy();
    await server.stop();
  });

  it('is tried by the doctor’s probe, which leaves nothing behind', async () => {
    const server = await startS3Server(found ?? '');
    const sdk = await loadS3Sdk();
    const lake = createS3Lake(optionsOf(server), sdk);
    await probeLake(lake);
    expect(await all(lake.list(''))).toEqual([]);
    for (const [more, words] of [
      [{ bucket: 'nobodys-bucket' }, /NoSuchBucket/],
      [{ credentials: credentials('nobody', 'no-such-secret-1') }, /InvalidAccessKeyId/],
      [{ credentials: credentials(server.keys.accessKeyId, 'wrong-secret-77') }, /SignatureDoesNotMatch/],
    ] as const) {
      const wrong = createS3Lake(optionsOf(server, more), sdk);
      const error = await probeLake(wrong).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(BatonError);
      expect((error as BatonError).error).toBe('ERR_LAKE_FORBIDDEN');
      expect((error as Error).message).toMatch(words);
      expect(inspect(error, { depth: 20 })).not.toMatch(/secret-|canary/);
      wrong.close();
    }
    lake.close();
    await server.stop();
  });
});

function fail(): never {
  throw new Error('the object is not there');
}
