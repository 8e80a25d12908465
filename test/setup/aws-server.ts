import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { choosePorts } from '../../src/cli/stack/ports.js';
import { projectHome, serve, type TestServer, temporaryFolder } from './shared.js';

/** S3, SQS and Secrets Manager in one process that speaks AWS's protocols, and lets a bucket tell a queue. */
export interface AwsServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

const program = 'moto_server';

/** Where the server's program is on this machine; null = tests that need it say so and pass by. */
export function findAwsServer(): string | null {
  const folders = [
    path.join(projectHome, 'moto', 'bin'),
    ...(process.env['PATH'] ?? '').split(path.delimiter),
  ];
  const places = [process.env['MOTO_SERVER_PATH'], ...folders.map((folder) => path.join(folder, program))];
  const found = places.find((place) => place && existsSync(place) && starts(place)) ?? null;
  if (found === null)
    console.log(
      `no ${program} on this machine: what S3, SQS, SNS and Secrets Manager send is not tested (see .ci/run)`,
    );
  return found;
}

/** A version manager's stand-in is a file too, and may stand for nothing. */
function starts(place: string): boolean {
  try {
    execFileSync(place, ['--help'], { stdio: 'ignore', timeout: 30_000 });
    return true;
  } catch {
    return false;
  }
}

/** https://docs.getmoto.org/en/latest/docs/server_mode.html */
export async function startAwsServer(found: string): Promise<AwsServer> {
  const folder = temporaryFolder('aws');
  const { ports } = await choosePorts({ temporal: 0, ui: 0, postgres: 0, sandbox: 0, gateway: 0 });
  const endpoint = `http://127.0.0.1:${ports.gateway}`;
  const server: TestServer = await serve(
    {
      name: 'aws',
      title: 'AWS',
      program: found,
      args: ['-H', '127.0.0.1', '-p', String(ports.gateway)],
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
      ready: {
        probe: async () => (await fetch(`${endpoint}/moto-api/`).catch(() => null))?.ok === true,
      },
      stopSignal: 'SIGTERM',
      graceMs: 5_000,
      error: 'ERR_INTERNAL',
    },
    folder,
  );
  return {
    endpoint,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
