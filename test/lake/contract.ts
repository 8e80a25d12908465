import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { checkForeignKey, getVerified } from '../../src/lake/keys.js';
import { joinLines } from '../../src/lake/lines.js';
import { compressTexts, landPart, readPart } from '../../src/lake/parts.js';
import type { Lake, LakeEntry } from '../../src/lake/port.js';
import { BatonError } from '../../src/protocol/errors.js';
import { temporaryFolder } from '../setup/shared.js';

/** One kind of lake, with what a test needs to spoil it. */
export interface LakeUnderTest {
  readonly lake: Lake;
  /** What `openLake` is given for the same lake, for another process. */
  readonly place: unknown;
  /** The file that holds the object. */
  fileOf(key: string): string;
  /** The same lake, for somebody who has no right to it; null where that cannot be had here. */
  readonly denied: Lake | null;
  /** A lake whose storage does not answer. */
  readonly away: Lake;
  /** What must be in no error. */
  readonly secrets: readonly string[];
  stop(): Promise<void>;
}

/** What every lake keeps, wherever its objects lie. */
export function describeLake(name: string, open: () => Promise<LakeUnderTest>): void {
  describe(`${name} keeps the lake's contract`, () => {
    let under: LakeUnderTest;
    let lake: Lake;
    const errors: unknown[] = [];

    beforeAll(async () => {
      under = await open();
      lake = under.lake;
    });
    afterAll(async () => {
      await under?.stop();
    });

    async function failure(work: Promise<unknown>): Promise<BatonError> {
      const error = await work.then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(BatonError);
      errors.push(error);
      return error as BatonError;
    }

    it('keeps the first of eight writers, whole, and says to each what became of it', async () => {
      for (let round = 0; round < 5; round += 1) {
        const key = `race/${round}`;
        const bodies = Array.from({ length: 8 }, (_, index) => Buffer.alloc(300_000, index));
        const made = await Promise.all(bodies.map((body) => lake.putIfAbsent(key, body)));
        const winners = bodies.filter((_, index) => made[index]?.created);
        expect(winners).toHaveLength(1);
        expect((await lake.get(key))?.equals(winners[0] ?? Buffer.alloc(0))).toBe(true);
      }
    });

    it('never writes over an object, of whatever size', async () => {
      const first = Buffer.from('first');
      expect(await lake.putIfAbsent('once', first)).toEqual({ created: true });
      for (const later of [first, Buffer.from('later'), randomBytes(9_000_000)])
        expect(await lake.putIfAbsent('once', later)).toEqual({ created: false });
      expect(String(await lake.get('once'))).toBe('first');
    });

    it('takes a file as it takes bytes, and knows its own again', async () => {
      for (const bytes of [0, 1_000, 20_000_000]) {
        const key = `files/${bytes}`;
        const body = randomBytes(bytes);
        const file = path.join(temporaryFolder('lake-file'), 'body');
        writeFileSync(file, body);
        expect(await lake.putFile(key, file)).toBe(true);
        expect(await lake.putFile(key, file)).toBe(true);
        expect(digest((await lake.get(key)) ?? Buffer.from('none'))).toBe(digest(body));
        writeFileSync(file, Buffer.concat([body, Buffer.from('x')]));
        expect(await lake.putFile(key, file)).toBe(false);
        expect(digest((await lake.get(key)) ?? Buffer.from('none'))).toBe(digest(body));
      }
    });

    it('shows a large object whole or not at all while it is written', async () => {
      const body = randomBytes(20_000_000);
      const want = digest(body);
      let written = false;
      const writing = lake.putIfAbsent('large/object', body).finally(() => {
        written = true;
      });
      const seen = new Set<string>();
      while (!written) {
        const found = await lake.get('large/object');
        seen.add(found === null ? 'absent' : digest(found));
      }
      expect(await writing).toEqual({ created: true });
      expect(digest((await lake.get('large/object')) ?? Buffer.alloc(0))).toBe(want);
      seen.delete(want);
      expect([...seen]).toEqual(['absent']);
    });

    it('lets nothing be seen of a writer that is killed', async () => {
      const bytes = 24_000_000;
      for (const [round, afterMs] of [0, 15, 40, 80].entries()) {
        const key = `killed/${round}`;
        await writeAndKill(under.place, key, bytes, afterMs);
        const found = await lake.get(key);
        if (found !== null) expect(found.equals(Buffer.alloc(bytes, 7))).toBe(true);
        const listed = (await all(lake.scan('killed/'))).filter((entry) => entry.key === key);
        expect(listed.map((entry) => entry.bytes)).toEqual(found === null ? [] : [bytes]);
        // Its place is not taken: another worker goes on.
        await lake.putIfAbsent(key, Buffer.alloc(bytes, 7));
        expect((await lake.get(key))?.length).toBe(bytes);
      }
    });

    it('lists all of a folder and nothing else, in the order of the keys, beyond a thousand', async () => {
      const many = Array.from({ length: 1_100 }, (_, index) => `many/day=${index % 7}/${index}`);
      for (let at = 0; at < many.length; at += 50)
        await Promise.all(many.slice(at, at + 50).map((key) => lake.putIfAbsent(key, Buffer.from(key))));
      expect(await keys(lake, 'many/')).toEqual([...many].sort());
      const border = ['edge/a/1', 'edge/a/10', 'edge/a/2', 'edge/a-b/1', 'edge/a.b/1', 'edge/ab/1', 'edge/a'];
      for (const key of border.slice(0, 6)) await lake.putIfAbsent(key, Buffer.from(key));
      expect(await keys(lake, 'edge/a/')).toEqual(['edge/a/1', 'edge/a/10', 'edge/a/2']);
      expect(await keys(lake, 'edge/')).toEqual(border.slice(0, 6).sort());
      expect(await keys(lake, 'edge/nothing/')).toEqual([]);
      expect((await keys(lake, '')).filter((key) => key.startsWith('edge/'))).toHaveLength(6);
      const [entry] = await all(lake.scan('edge/a/'));
      expect(entry).toMatchObject({ key: 'edge/a/1', bytes: 8 });
      expect(Math.abs(Date.now() - Number(entry?.modifiedAt))).toBeLessThan(120_000);
    });

    it('reads the version that was listed, and no other', async () => {
      await lake.putIfAbsent('versions/x', Buffer.from('one'));
      const [one] = await all(lake.scan('versions/'));
      if (one === undefined) throw new Error('it is not listed');
      expect(String(Buffer.concat(await all((await lake.read(one)) ?? none())))).toBe('one');
      await lake.remove('versions/x');
      expect(await lake.read(one)).toBeNull();
      await lake.putIfAbsent('versions/x', Buffer.from('two'));
      expect(await lake.read(one)).toBeNull();
      const [two] = await all(lake.scan('versions/'));
      expect(two?.version).not.toBe(one.version);
    });

    it('has no object where there is none, and removes one that is not there', async () => {
      expect(await lake.get('nowhere/at-all')).toBeNull();
      expect(await lake.read({ key: 'nowhere/at-all', version: 'x' })).toBeNull();
      await lake.remove('nowhere/at-all');
      await lake.putIfAbsent('gone', Buffer.from('x'));
      await lake.remove('gone');
      expect(await lake.get('gone')).toBeNull();
    });

    it('names the object in which one bit has turned, and both digests', async () => {
      const records = [Buffer.from('{"id":1}'), Buffer.from('{"id":2}')];
      const place = { folder: 'flipped', label: '' };
      const part = await landPart(lake, place, 1, await compressTexts([joinLines(records)]));
      expect((await readPart(lake, part)).map(String)).toEqual(records.map(String));
      expect(await landPart(lake, place, 1, await compressTexts([joinLines(records)]))).toEqual(part);
      const file = under.fileOf(part.key);
      const bytes = readFileSync(file);
      expect(digest(bytes)).toBe(part.sha256);
      bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20);
      writeFileSync(file, bytes);
      const changed = await failure(readPart(lake, part));
      expect(changed.error).toBe('ERR_LAKE_OBJECT_CHANGED');
      for (const word of [lake.locate(part.key), part.sha256, digest(bytes)])
        expect(changed.message).toContain(word);
      await lake.remove(part.key);
      const gone = await failure(getVerified(lake, part.key, part.sha256));
      expect(gone.message).toContain(`${lake.locate(part.key)} is gone`);
    });

    it('takes no key that leads out of it or that some storage would have to quote', async () => {
      for (const key of [
        '../x',
        'a/../../x',
        '/etc/x',
        'a//b',
        '',
        'a/',
        'a\\b',
        'a b',
        'ä',
        `${'a/'.repeat(500)}a`,
      ])
        expect((await failure(lake.putIfAbsent(key, Buffer.alloc(1)))).message).toMatch(/is not a lake key/);
      for (const key of ['../x', '/etc/passwd', 'a/../../x', 'a\0b'])
        for (const work of [
          lake.get(key),
          lake.read({ key, version: '' }),
          lake.remove(key),
          keys(lake, key),
        ])
          expect((await failure(work)).message).toMatch(/is not a lake key/);
      expect(checkForeignKey('Übersicht (2).ndjson')).toBe('Übersicht (2).ndjson');
    });

    it('says that it is away, which is worth another try', async () => {
      const error = await failure(under.away.putIfAbsent('x', Buffer.from('x')));
      expect([error.error, error.retryable]).toEqual(['ERR_LAKE_UNAVAILABLE', true]);
    });

    it('says that it will not have us, which is not', async (context) => {
      if (under.denied === null) return context.skip();
      const error = await failure(under.denied.putIfAbsent('x', Buffer.from('x')));
      expect([error.error, error.retryable]).toEqual(['ERR_LAKE_FORBIDDEN', false]);
    });

    it('repeats no secret in an error', () => {
      const words = errors.map((error) => inspect(error, { depth: 20, showHidden: true })).join('\n');
      expect(words.length).toBeGreaterThan(1_000);
      for (const secret of under.secrets) expect(words).not.toContain(secret);
    });
  });
}

/** A process that begins to write, and is killed so long afterwards. */
async function writeAndKill(place: unknown, key: string, bytes: number, afterMs: number): Promise<void> {
  const module = pathToFileURL(path.join(inject('distPath'), 'lake', 'open.js')).href;
  const secretModule = pathToFileURL(path.join(inject('distPath'), 'domain', 'secret.js')).href;
  const code = `
    const { openLake } = await import(${JSON.stringify(module)});
    const { Secret } = await import(${JSON.stringify(secretModule)});
    const place = ${JSON.stringify(place)};
    if (place.credentials) place.credentials.secretAccessKey = new Secret(place.credentials.secretAccessKey);
    const lake = await openLake(place);
    const body = Buffer.alloc(${bytes}, 7);
    console.log('writing');
    await lake.putIfAbsent(${JSON.stringify(key)}, body);
    console.log('written');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), ended]);
  await sleep(afterMs);
  child.kill('SIGKILL');
  await ended;
}

async function* none(): AsyncIterable<Uint8Array> {}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function keys(lake: Lake, folder: string): Promise<string[]> {
  return (await all<LakeEntry>(lake.scan(folder))).map(({ key }) => key);
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
