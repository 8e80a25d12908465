import net from 'node:net';
import { BatonError } from '../../protocol/errors.js';

/** The parts that listen, with the port each wants. */
export const defaultPorts = {
  temporal: 7233,
  ui: 8233,
  postgres: 5433,
  sandbox: 4100,
  gateway: 4000,
} as const;

export type PortName = keyof typeof defaultPorts;
export type Ports = Readonly<Record<PortName, number>>;

export interface PortMove {
  readonly name: PortName;
  readonly wanted: number;
  readonly port: number;
}

const reach = 100;

/**
 * A free port on 127.0.0.1 for each part: the wanted one or the next that is free, none given twice.
 * Throws ERR_PORT_TAKEN when the next hundred are taken as well.
 */
export async function choosePorts(wanted: Ports): Promise<{ ports: Ports; moves: PortMove[] }> {
  const ports: Record<PortName, number> = { ...wanted };
  const moves: PortMove[] = [];
  const given = new Set<number>();
  for (const name of Object.keys(wanted) as PortName[]) {
    const port = await nextFree(name, wanted[name], given);
    given.add(port);
    ports[name] = port;
    if (wanted[name] !== 0 && port !== wanted[name]) moves.push({ name, wanted: wanted[name], port });
  }
  return { ports, moves };
}

async function nextFree(name: PortName, wanted: number, given: ReadonlySet<number>): Promise<number> {
  if (wanted === 0) return anyFree(given);
  const last = Math.min(wanted + reach, 65_535);
  for (let port = wanted; port <= last; port++) {
    if (!given.has(port) && (await isFree(port))) return port;
  }
  throw new BatonError('ERR_PORT_TAKEN', {
    detail: `No free port for ${name}: ${wanted} to ${last} are all taken.`,
    fix: `Stop what holds them, or set another start with BATON_PORTS__${name.toUpperCase()}.`,
  });
}

/**
 * Below the range from which systems take the near end of a connection: one of those could take the port again
 * before its part listens.
 */
const anyFrom = 10_000;
const anyTo = 32_000;

async function anyFree(given: ReadonlySet<number>): Promise<number> {
  for (;;) {
    const port = anyFrom + Math.floor(Math.random() * (anyTo - anyFrom));
    if (!given.has(port) && (await isFree(port))) return port;
  }
}

/** Whether nothing listens there: neither on 127.0.0.1 nor on every address. */
export async function isFree(port: number): Promise<boolean> {
  return (await listenOnce(port)) !== undefined;
}

/** The port that could be bound, at once released again; undefined when it could not. */
function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}
