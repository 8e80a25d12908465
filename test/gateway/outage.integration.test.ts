import net from 'node:net';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { startGateway, type TestGateway } from './support.js';

interface Readiness {
  readonly status: string | number;
  readonly parts: readonly {
    part: string;
    state: string;
    ms: number;
    error?: { detail?: string; code: string };
  }[];
}

let gateway: TestGateway;
afterEach(() => gateway?.stop());

async function readiness(headers = {}): Promise<{ status: number; body: Readiness }> {
  const answer = await gateway.get('/readyz', headers);
  return { status: answer.status, body: (await answer.json()) as Readiness };
}

const stateOf = (body: Readiness, part: string) => body.parts.find((one) => one.part === part);

/** Accepts connections and never says a word, as a machine does that hangs. */
async function silentServer(): Promise<{ port: number; close: () => void }> {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as net.AddressInfo).port, close };
}

describe('when a part is down', () => {
  it('says that all is well when it is', async () => {
    gateway = await startGateway({ temporalAddress: inject('temporalAddress') });
    const { status, body } = await readiness();
    expect(status).toBe(200);
    expect(body.status).toBe('ready');
    expect(body.parts.map(({ part, state }) => [part, state])).toEqual([
      ['control', 'up'],
      ['warehouse', 'up'],
      ['temporal', 'up'],
    ]);
  });

  it('names a control database that goes away, and goes on with the rest', async () => {
    gateway = await startGateway({ temporalAddress: inject('temporalAddress') });
    expect((await readiness()).status).toBe(200);
    await gateway.dropControl();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const { status, body } = await readiness();
    expect(status).toBe(503);
    expect(body).toMatchObject({ status: 503, code: 'BTN-8005', detail: 'Not ready: control.' });
    expect(stateOf(body, 'control')).toMatchObject({
      state: 'down',
      error: { code: expect.stringMatching('BTN-400') },
    });
    expect(stateOf(body, 'warehouse')).toMatchObject({ state: 'up' });

    const metrics = await gateway.get('/metrics');
    const text = await metrics.text();
    expect(metrics.status).toBe(200);
    expect(text).toContain('baton_up{part="control"} 0\n');
    expect(text).toContain('baton_up{part="warehouse"} 1\n');
    expect(text).toContain('baton_rows_total{stage="merge",result="loaded"} 0\n');
    expect(text).not.toMatch(/^baton_runs_total/m);

    const page = await (await gateway.get('/')).text();
    expect(page).toContain('✗ down');
    expect(page).toContain('the control database does not answer');
    expect((await gateway.get('/healthz')).status).toBe(200);
  });

  it('says that no worker has prepared the databases yet', async () => {
    gateway = await startGateway({ temporalAddress: inject('temporalAddress') });
    await gateway.parts.control.knex.raw('DROP SCHEMA control CASCADE');
    await gateway.parts.warehouseDatabase.knex.raw('DROP SCHEMA analytics CASCADE');
    const { status, body } = await readiness();
    expect(status).toBe(503);
    expect(stateOf(body, 'control')?.error?.detail).toMatch(/answers but lacks 0001-foundation/);
    expect(stateOf(body, 'warehouse')?.error?.detail).toMatch(/answers but lacks/);
  });

  it('waits neither for a hanging Temporal nor for a hanging database', async () => {
    const silent = await silentServer();
    gateway = await startGateway({ temporalAddress: `127.0.0.1:${silent.port}` });
    const startedAt = Date.now();
    const { status, body } = await readiness();
    expect(Date.now() - startedAt).toBeLessThan(4_000);
    expect(status).toBe(503);
    expect(stateOf(body, 'temporal')).toMatchObject({ state: 'down', error: { code: 'BTN-5004' } });
    const text = await (await gateway.get('/metrics')).text();
    expect(text).toContain('baton_up{part="temporal"} 0\n');
    expect(text).toContain('baton_up{part="control"} 1\n');
    silent.close();
  });

  it('keeps causes, which name hosts, from those without the token', async () => {
    const env = { BATON_GATEWAY__TOKEN: 'secret://env/GATEWAY_TOKEN', GATEWAY_TOKEN: 'a-long-token' };
    gateway = await startGateway({ temporalAddress: '127.0.0.1:1', env });
    const anyone = await readiness();
    expect(anyone.status).toBe(503);
    expect(JSON.stringify(anyone.body)).not.toContain('127.0.0.1');
    const known = await readiness({ authorization: 'Bearer a-long-token' });
    expect(stateOf(known.body, 'temporal')?.error?.detail).toContain('127.0.0.1:1');
  });
});
