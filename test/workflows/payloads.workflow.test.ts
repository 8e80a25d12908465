import { createRequire } from 'node:module';
import { WorkflowFailedError } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesOf, payloadLimit } from '../../src/protocol/payload.js';
import { payloadGuard } from '../../src/workers/payload-guard.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import type { Way } from './oversized-workflow.js';

const require = createRequire(import.meta.url);

describe('what goes through a workflow', () => {
  let baton: TestBaton;
  let worker: Worker;
  let running: Promise<void>;
  let started = 0;

  beforeAll(async () => {
    baton = await startBaton({ time: 'real', records: 20 });
    worker = await Worker.create({
      connection: baton.connection,
      namespace: baton.server.namespace,
      taskQueue: 'oversized',
      workflowBundle: await bundleWorkflowCode({
        workflowsPath: require.resolve('./oversized-workflow.ts'),
        workflowInterceptorModules: [require.resolve('../../src/workflows/interceptors.ts')],
        logger: new DefaultLogger('ERROR'),
      }),
      activities: {
        take: async (text: string) => text.length,
        give: async (bytes: number) => 'x'.repeat(bytes - 2),
      },
      interceptors: { activity: [payloadGuard] },
    });
    running = worker.run();
  }, 60_000);
  afterAll(async () => {
    worker?.shutdown();
    await running;
    await baton?.stop();
  });

  const send = (way: Way, bytes: number) =>
    baton.client.workflow.execute('send', {
      workflowId: `oversized-${started++}`,
      taskQueue: 'oversized',
      args: [way, bytes],
    });

  it.each(['argument', 'result', 'child', 'again'] as const)('may have 64 KB as %s', async (way) => {
    await expect(send(way, payloadLimit)).resolves.toBeGreaterThan(payloadLimit - 10);
  });

  it.each([
    ['argument', /The argument of the activity take has 65537 bytes/],
    ['result', /The result of the activity give has 65537 bytes/],
    ['child', /The argument of the workflow receive has 65537 bytes/],
    ['signal', /The signal any has 65537 bytes/],
    ['again', /What the workflow goes on with has 65537 bytes/],
  ] as const)('is refused beyond that as %s, by name, and not tried again', async (way, says) => {
    const failed: unknown = await send(way, payloadLimit + 1).catch((error: unknown) => error);
    if (!(failed instanceof WorkflowFailedError)) throw failed;
    const told = [failed.cause?.message, failed.cause?.cause instanceof Error && failed.cause.cause.message];
    expect(told.join(' ')).toMatch(says);
    expect(told.join(' ')).toMatch(/BTN-5010/);
  });

  it('is measured as UTF-8', () => {
    for (const text of ['', 'a', 'ä', '€', '😀', '\ud800', 'x'.repeat(30_000), '€😀ä'.repeat(9_000)])
      expect(bytesOf(text)).toBe(Buffer.byteLength(JSON.stringify(text)));
  });

  it('is refused of who starts a run, before anything is started', async () => {
    const inputs = { note: 'x'.repeat(70_000) };
    await expect(baton.start({ inputs })).rejects.toMatchObject({ error: 'ERR_PAYLOAD_TOO_LARGE' });
  });
});

describe('a plan that is too large', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    const settings = { BATON_PIPELINES__PO_DATA_PIPELINE__CUSTOMER_FIELD: 'x'.repeat(70_000) };
    baton = await startBaton({ time: 'skipping', records: 20, settings });
  });
  afterAll(() => baton?.stop());

  it('fails its run with a clear word, and leaves nothing open', async () => {
    const id = await baton.start();
    await expect(baton.result(id)).rejects.toThrow(/plan of po_data_pipeline has \d+ bytes/);
    expect(await baton.row(id)).toBeNull();
  });
});
