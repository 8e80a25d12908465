import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..', '..');
let clone: string;

beforeEach(() => {
  clone = mkdtempSync(path.join(os.tmpdir(), 'baton-clone-'));
  for (const name of ['bin', 'scripts', 'package.json'])
    cpSync(path.join(root, name), path.join(clone, name), { recursive: true });
  const packages = {
    '': {},
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b': { version: '2.0.0', dev: true },
  };
  writeFileSync(path.join(clone, 'package-lock.json'), JSON.stringify({ packages }));
  mkdirSync(path.join(clone, 'src', 'cli'), { recursive: true });
  mkdirSync(path.join(clone, 'fake'));
});
afterEach(() => rmSync(clone, { recursive: true, force: true }));

/** A stand-in for npm: installs what the lockfile says, or fails with the given words. */
function fakeNpm(failure = ''): void {
  const install = `/bin/mkdir -p node_modules && /bin/cp package-lock.json node_modules/.package-lock.json && echo run >> installs`;
  const script = failure === '' ? install : `echo '${failure}' >&2; exit 1`;
  writeFileSync(path.join(clone, 'fake', 'npm'), `#!/bin/sh\n${script}\n`);
  chmodSync(path.join(clone, 'fake', 'npm'), 0o755);
}

/** Marks dist as built from these sources, with a program that says hello. */
function buildByHand(): void {
  mkdirSync(path.join(clone, 'dist', 'cli'), { recursive: true });
  writeFileSync(path.join(clone, 'dist', 'cli', 'main.js'), 'console.log("hello")');
  const mark = `import { fingerprint } from './scripts/build.mjs'; import { writeFileSync } from 'node:fs';
    writeFileSync('dist/.fingerprint', await fingerprint());`;
  const marked = spawnSync(process.execPath, ['--input-type=module', '-e', mark], {
    cwd: clone,
    encoding: 'utf8',
  });
  expect(marked.stderr).toBe('');
}

function baton(nodeArguments: readonly string[] = []) {
  const args = [...nodeArguments, path.join(clone, 'bin', 'baton.mjs'), '--version'];
  const env = { PATH: path.join(clone, 'fake') };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: clone, env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

function installs(): number {
  const { stdout } = spawnSync('cat', [path.join(clone, 'installs')], { encoding: 'utf8' });
  return stdout.split('\n').filter(Boolean).length;
}

describe('preparing a fresh clone', () => {
  it('refuses an old Node.js in one sentence', () => {
    const old = path.join(clone, 'old.cjs');
    writeFileSync(old, "Object.defineProperty(process, 'versions', { value: { node: '18.20.1' } })");
    const { status, stdout, stderr } = baton(['--require', old]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^✗ Baton needs Node\.js 20\.19 or newer and this is 18\.20\.1; .*BTN-7001\n$/);
  });

  it('installs once, and not again while the lockfile says the same', () => {
    fakeNpm();
    buildByHand();
    expect(baton()).toMatchObject({
      status: 0,
      stdout: 'hello\n',
      stderr: expect.stringContaining('installing'),
    });
    expect(baton()).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
    const later = new Date(Date.now() + 60_000);
    utimesSync(path.join(clone, 'package-lock.json'), later, later); // as after a git checkout
    expect(baton()).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
    expect(installs()).toBe(1);
  });

  it('installs again when the lockfile wants another version', () => {
    fakeNpm();
    buildByHand();
    baton();
    const packages = { '': {}, 'node_modules/a': { version: '1.0.1' } };
    writeFileSync(path.join(clone, 'package-lock.json'), JSON.stringify({ packages }));
    buildByHand();
    expect(baton().status).toBe(0);
    expect(installs()).toBe(2);
  });

  it.each([
    ['npm error code ENOTFOUND', 'the npm registry cannot be reached'],
    ['npm error code ENOSPC', 'the disk is full'],
    ['npm error code EROFS', 'is read-only'],
    ['npm error EACCES: permission denied', 'may not be written by this user'],
    ['npm error something else', 'could not be installed: npm error something else.'],
  ])('says in one sentence why %s', (words, sentence) => {
    fakeNpm(words);
    const { status, stdout, stderr } = baton();
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr.split('\n').at(-2)).toContain(sentence);
    expect(stderr).not.toContain('    at ');
  });

  it('says so when npm is not there', () => {
    expect(baton().stderr).toContain('npm is not installed');
  });
});
