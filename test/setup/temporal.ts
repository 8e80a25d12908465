import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { build } from '../../scripts/build.mjs';
import { choosePorts } from '../../src/cli/stack/ports.js';
import { findTemporalBinary } from '../../src/cli/stack/temporal-binary.js';
import { temporalServer } from '../../src/cli/stack/temporal-server.js';
import {
  projectHome,
  projectRoot,
  serve,
  share,
  type TestServer,
  temporaryFolder,
  unshare,
} from './shared.js';

interface TestTemporal {
  readonly address: string;
  readonly temporalPath: string;
  readonly testServerPath: string;
  readonly server: TestServer;
}

/** One dev server in memory for the run, the test server's program, and the built programs and workflows. */
export async function setup(project: TestProject): Promise<void> {
  const [temporal] = await Promise.all([share('temporal', start), share('build', () => build())]);
  const dist = path.join(projectRoot, 'dist');
  project.provide('temporalAddress', temporal.address);
  project.provide('temporalPath', temporal.temporalPath);
  project.provide('testServerPath', temporal.testServerPath);
  project.provide('distPath', dist);
  project.provide('workflowBundlePath', path.join(dist, 'workflow-bundle.js'));
}

export async function teardown(): Promise<void> {
  await unshare('build', async () => {});
  await unshare<TestTemporal>('temporal', ({ server }) => server.stop());
}

async function start(): Promise<TestTemporal> {
  const options = { env: process.env, home: projectHome };
  const temporalPath = await findTemporalBinary('temporal', options);
  const testServerPath = await findTemporalBinary('temporal-test-server', options);
  const { ports } = await choosePorts({ temporal: 0, ui: 0, postgres: 0, sandbox: 0, gateway: 0 });
  const spec = temporalServer({ program: temporalPath, port: ports.temporal });
  const server = await serve(spec, temporaryFolder('temporal'));
  return { address: `127.0.0.1:${ports.temporal}`, temporalPath, testServerPath, server };
}
