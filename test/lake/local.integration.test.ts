import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLocalLake } from '../../src/lake/local.js';
import { landPart, readPart } from '../../src/lake/parts.js';
import type { Lake } from '../../src/lake/port.js';

let root: string;
let lake: Lake;

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'baton-lake-'));
  lake = createLocalLake(root);
});
afterEach(() => {
  chmodSync(root, 0o755);
  rmSync(root, { recursive: true, force: true });
});

async function keys(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const key of lake.list(prefix)) found.push(key);
  return found;
}

describe('a lake in a folder', () => {
  it('keeps the first of two writers, whole', async () => {
    const bodies = Array.from({ length: 8 }, (_, index) => Buffer.alloc(300_000, index));
    const made = await Promise.all(bodies.map((body) => lake.putIfAbsent('a/b/object', body)));
    expect(made.filter(({ created }) => created)).toHaveLength(1);
    const stored = await lake.get('a/b/object');
    expect(bodies.some((body) => stored?.equals(body))).toBe(true);
  });

  it('lists what is under a prefix, in order, and no drafts', async () => {
    for (const key of ['x/2', 'x/10', 'x/1', 'y/1']) await lake.putIfAbsent(key, Buffer.from(key));
    expect(await keys('x/')).toEqual(['x/1', 'x/10', 'x/2']);
    expect(await keys('')).toEqual(['x/1', 'x/10', 'x/2', 'y/1']);
    expect(await keys('nothing/')).toEqual([]);
    await lake.remove('x/1');
    await lake.remove('x/1');
    expect(await keys('x/')).toEqual(['x/10', 'x/2']);
  });

  it('refuses keys that climb out', async () => {
    for (const key of ['../x', 'a/../../x', '/etc/x', 'a//b', ''])
      await expect(lake.putIfAbsent(key, Buffer.alloc(1))).rejects.toThrow(/is not a lake key/);
  });

  it('sweeps drafts that nobody finished within a day, at the first write', async () => {
    const drafts = path.join(root, '.drafts');
    mkdirSync(drafts);
    writeFileSync(path.join(drafts, 'old'), 'x');
    writeFileSync(path.join(drafts, 'young'), 'x');
    const before = Date.now() / 1000 - 90_000;
    utimesSync(path.join(drafts, 'old'), before, before);
    await lake.putIfAbsent('a', Buffer.alloc(1));
    expect(readdirSync(drafts)).toEqual(['young']);
  });

  it('says which object is not what was landed', async () => {
    const records = [Buffer.from('{"id":1}'), Buffer.from('{"id":2}')];
    const part = await landPart(lake, 'raw/x', 1, records);
    expect((await readPart(lake, part)).map(String)).toEqual(records.map(String));
    expect(await landPart(lake, 'raw/x', 1, records)).toEqual(part);
    const bytes = (await lake.get(part.key)) ?? Buffer.alloc(0);
    bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20); // one bit
    writeFileSync(lake.locate(part.key), bytes);
    await expect(readPart(lake, part)).rejects.toThrow(lake.locate(part.key));
    rmSync(lake.locate(part.key));
    await expect(readPart(lake, part)).rejects.toThrow(/is gone/);
  });
});
