import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLocalLake } from '../../src/lake/local.js';
import { describeLake } from './contract.js';

function folder(): string {
  return mkdtempSync(path.join(os.tmpdir(), 'baton-lake-'));
}

describeLake('a folder', async () => {
  const root = folder();
  const noFolder = path.join(root, '.no-folder');
  writeFileSync(noFolder, '');
  return {
    lake: createLocalLake(root),
    place: { type: 'local', path: root },
    fileOf: (key) => path.join(root, key),
    // The kernel's own files: nobody may add one, not even root.
    denied: process.platform === 'linux' ? createLocalLake('/sys/kernel/baton-lake') : null,
    away: createLocalLake(noFolder),
    secrets: [],
    stop: async () => rmSync(root, { recursive: true, force: true }),
  };
});

describe('drafts in a folder', () => {
  it('are swept at the first write when nobody finished them within a day', async () => {
    const root = folder();
    const drafts = path.join(root, '.drafts');
    mkdirSync(drafts);
    for (const name of ['old', 'young']) writeFileSync(path.join(drafts, name), 'x');
    const before = Date.now() / 1000 - 90_000;
    utimesSync(path.join(drafts, 'old'), before, before);
    await createLocalLake(root).putIfAbsent('a', Buffer.alloc(1));
    expect(readdirSync(drafts)).toEqual(['young']);
    rmSync(root, { recursive: true, force: true });
  });
});
