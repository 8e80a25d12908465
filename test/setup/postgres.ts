import { rmSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import { choosePorts } from '../../src/cli/stack/ports.js';
import { postgresUser, preparePostgres } from '../../src/cli/stack/postgres.js';
import { serve, share, type TestServer, temporaryFolder, unshare } from './shared.js';

interface TestPostgres {
  readonly url: string;
  readonly server: TestServer;
  readonly place: string;
}

/** One throwaway PostgreSQL for the run, fast and without durability. */
export async function setup(project: TestProject): Promise<void> {
  const { url } = await share('postgres', start);
  project.provide('postgresUrl', url);
}

export async function teardown(): Promise<void> {
  await unshare<TestPostgres>('postgres', async ({ server, place }) => {
    await server.stop();
    rmSync(place, { recursive: true, force: true });
  });
}

async function start(): Promise<TestPostgres> {
  const folder = temporaryFolder('postgres');
  const any = { temporal: 0, ui: 0, postgres: 0, sandbox: 0, gateway: 0 };
  const { ports } = await choosePorts(any);
  const password = 'throwaway';
  const spec = await preparePostgres({
    folder,
    port: ports.postgres,
    password,
    databases: [],
    durable: false,
  });
  const server = await serve(spec, folder);
  return {
    url: `postgres://${postgresUser}:${password}@127.0.0.1:${ports.postgres}/postgres`,
    server,
    place: spec.place,
  };
}
