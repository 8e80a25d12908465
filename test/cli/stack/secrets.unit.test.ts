import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepSecrets, secretNames } from '../../../src/cli/stack/secrets.js';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'baton-secrets-'));
  file = path.join(folder, 'secrets.env');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the local secrets', () => {
  it('are made once, at random, for the owner’s eyes only', () => {
    const secrets = keepSecrets(file);
    expect(Object.keys(secrets).sort()).toEqual([...secretNames].sort());
    expect(new Set(Object.values(secrets)).size).toBe(secretNames.length);
    for (const value of Object.values(secrets)) expect(value).toMatch(/^[\w-]{32}$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(keepSecrets(file)).toEqual(secrets);
  });

  it('keep what a person wrote and add only what is missing', () => {
    writeFileSync(file, '# mine\nCOUPA_CLIENT_SECRET=from=me\nOTHER=1\n');
    chmodSync(file, 0o600);
    expect(keepSecrets(file)).toMatchObject({ COUPA_CLIENT_SECRET: 'from=me', OTHER: '1' });
    expect(readFileSync(file, 'utf8')).toMatch(/^COUPA_CLIENT_SECRET=from=me\nOTHER=1\nZENDESK_API_TOKEN=/);
  });
});
