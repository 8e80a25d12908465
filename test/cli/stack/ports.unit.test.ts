import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { choosePorts, isFree } from '../../../src/cli/stack/ports.js';

async function listen(): Promise<{ port: number; close: () => void }> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as net.AddressInfo).port, close: () => server.close() };
}

const any = { temporal: 0, ui: 0, postgres: 0, sandbox: 0, gateway: 0 };

describe('choosing ports', () => {
  it('keeps a free port and says nothing', async () => {
    const { port, close } = await listen();
    close();
    const { ports, moves } = await choosePorts({ ...any, gateway: port });
    expect(ports.gateway).toBe(port);
    expect(moves).toEqual([]);
  });

  it('takes the next free port and reports the move', async () => {
    const taken = await listen();
    const { ports, moves } = await choosePorts({ ...any, gateway: taken.port });
    expect(ports.gateway).toBeGreaterThan(taken.port);
    expect(moves).toEqual([{ name: 'gateway', wanted: taken.port, port: ports.gateway }]);
    taken.close();
  });

  it('never gives one port to two parts', async () => {
    const { port, close } = await listen();
    close();
    const { ports } = await choosePorts({
      temporal: port,
      ui: port,
      postgres: port,
      sandbox: port,
      gateway: port,
    });
    expect(new Set(Object.values(ports)).size).toBe(5);
  });

  it('gives up with a clear error at the end of the range', async () => {
    const last: net.Server[] = [];
    for (const port of [65_534, 65_535]) {
      if (!(await isFree(port))) continue;
      const server = net.createServer();
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      last.push(server);
    }
    await expect(choosePorts({ ...any, ui: 65_534 })).rejects.toMatchObject({
      code: 'BTN-7004',
      message: 'No free port for ui: 65534 to 65535 are all taken.',
      options: { fix: expect.stringContaining('BATON_PORTS__UI') },
    });
    for (const server of last) server.close();
  });
});
