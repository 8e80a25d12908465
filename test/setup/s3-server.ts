import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { choosePorts } from '../../src/cli/stack/ports.js';
import { findGoProgram } from './go-program.js';
import { serve, type TestServer, temporaryFolder } from './shared.js';

/** A real S3 server over plain files: what it stores, a test can look at and spoil. */
export interface S3Server {
  readonly endpoint: string;
  /** Where the objects lie: `<root>/<bucket>/<key>`. */
  readonly root: string;
  readonly bucket: string;
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Adds an account that has no right to the bucket. */
  addStranger(): { readonly accessKeyId: string; readonly secretAccessKey: string };
  stop(): Promise<void>;
}

const program = 'versitygw';

/** Where the server's program is on this machine; null = tests that need it say so and pass by. */
export function findS3Server(): string | null {
  const found = findGoProgram(program, 'VERSITYGW_PATH');
  if (found === null)
    console.log(`no ${program} on this machine: the lake on S3 is not tested (see .ci/run)`);
  return found;
}

/** https://github.com/versity/versitygw: conditional writes, uploads in parts and listings as S3 has them. */
export async function startS3Server(found: string): Promise<S3Server> {
  const folder = temporaryFolder('s3');
  const root = path.join(folder, 'data');
  const bucket = 'lake';
  for (const name of [path.join(root, bucket), path.join(folder, 'iam')])
    mkdirSync(name, { recursive: true });
  const { ports } = await choosePorts({ temporal: 0, ui: 0, postgres: 0, sandbox: 0, gateway: 0 });
  const address = `127.0.0.1:${ports.gateway}`;
  const keys = { accessKeyId: 'canaryaccesskey', secretAccessKey: 'canary-s3-secret-91c07fb2' };
  const server: TestServer = await serve(
    {
      name: 's3',
      title: 'S3 server',
      program: found,
      args: ['--port', address, '--iam-dir', path.join(folder, 'iam'), 'posix', root],
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        ROOT_ACCESS_KEY: keys.accessKeyId,
        ROOT_SECRET_KEY: keys.secretAccessKey,
      },
      ready: { probe: async () => (await fetch(`http://${address}/`).catch(() => null)) !== null },
      stopSignal: 'SIGTERM',
      graceMs: 5_000,
      error: 'ERR_INTERNAL',
    },
    folder,
  );
  const endpoint = `http://${address}`;
  return {
    endpoint,
    root,
    bucket,
    keys,
    addStranger() {
      const stranger = { accessKeyId: 'stranger', secretAccessKey: 'canary-stranger-5d1e77' };
      const who = [
        '--access',
        keys.accessKeyId,
        '--secret',
        keys.secretAccessKey,
        '--endpoint-url',
        endpoint,
      ];
      const account = [
        '--access',
        stranger.accessKeyId,
        '--secret',
        stranger.secretAccessKey,
        '--role',
        'user',
      ];
      execFileSync(found, ['admin', ...who, 'create-user', ...account], { stdio: 'ignore' });
      return stranger;
    },
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
