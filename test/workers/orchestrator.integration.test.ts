import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Orchestrator } from '../../src/activities/ports.js';
import { createOrchestrator } from '../../src/workers/orchestrator.js';
import { quieten } from '../setup/baton.js';

/** The dev server behind a wire that can be cut, and be there without a word. */
async function wireTo(address: string) {
  const [host = '', port = ''] = address.split(':');
  const ends = new Set<Socket>();
  let mute = false;
  const server: Server = createServer((near) => {
    const far = tcpConnect(Number(port), host);
    for (const end of [near, far]) {
      ends.add(end);
      end.on('error', () => {});
      end.on('close', () => {
        ends.delete(end);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (bytes) => mute || far.write(bytes));
    far.on('data', (bytes) => mute || near.write(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as { port: number };
  return {
    address: `127.0.0.1:${own}`,
    mute() {
      mute = true;
    },
    speak() {
      mute = false;
      for (const end of ends) end.destroy();
    },
    cut() {
      server.close();
      for (const end of ends) end.destroy();
    },
  };
}

describe('Temporal, as activities ask it', () => {
  let wire: Awaited<ReturnType<typeof wireTo>>;
  let connection: NativeConnection;
  let orchestrator: Orchestrator;

  beforeAll(async () => {
    quieten();
    wire = await wireTo(inject('temporalAddress'));
    connection = await NativeConnection.connect({ address: wire.address });
    orchestrator = createOrchestrator(new Client({ connection }), wire.address);
  });
  afterAll(async () => {
    await connection?.close();
    wire?.cut();
  });

  const refusals = (within: <T>(call: () => Promise<T>) => Promise<T> = (call) => call()) =>
    Promise.all(
      [() => orchestrator.wakeDrain('zendesk', 'nobody'), () => orchestrator.slotFreed('run/none')].map(
        (call) => within(call).catch((error: unknown) => error),
      ),
    );
  const unavailable = { error: 'ERR_TEMPORAL_UNAVAILABLE', retryable: true };

  it('takes a run that is gone for no failure', async () => {
    await expect(orchestrator.slotFreed('run/none')).resolves.toBeUndefined();
    expect(await orchestrator.isRunning('run/none', '0f8fad5b-d9cb-469f-a165-70867728950e')).toBe(false);
  });

  it('is unavailable, which passes, when it does not answer in time', async () => {
    wire.mute();
    const errors = await refusals((call) => connection.withDeadline(Date.now() + 1_000, call));
    wire.speak();
    expect(errors).toMatchObject([unavailable, unavailable]);
  });

  it('is unavailable, which passes, when it is away; then nobody is told to be gone', async () => {
    wire.cut();
    const errors = await refusals();
    expect(errors).toMatchObject([unavailable, unavailable]);
    expect(String(errors[0])).toContain(
      `Temporal at ${wire.address} did not answer (waking the drainer of zendesk)`,
    );
    expect(await orchestrator.isRunning('run/none', '')).toBe(true);
  });
});
