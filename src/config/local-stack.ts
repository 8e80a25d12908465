import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Tree } from './document.js';
import type { Path } from './problems.js';
import type { ConfigDocument } from './schema/index.js';

/** The ports that the local stack wants; baton.yaml of the demo names these. */
export const defaultPorts = {
  temporal: 7233,
  ui: 8233,
  postgres: 5433,
  sandbox: 4100,
  gateway: 4000,
} as const;

export type StackPart = keyof typeof defaultPorts;
export type PortMoves = ReadonlyMap<number, number>;

const localAddress =
  /^((?:[a-z]+:\/\/)?(?:[^/@\s]*@)?(?:127\.0\.0\.1|localhost|\[::1\]):)(\d{1,5})(?=[/?#]|$)/i;

/** Where the parts of the running local stack really listen; empty when none runs here. */
export function readPortMoves(home: string): PortMoves {
  const state = readState(home);
  const moves = new Map<number, number>();
  if (state === null) return moves;
  for (const [part, wanted] of Object.entries(defaultPorts)) {
    const actual = state[part];
    if (Number.isInteger(actual) && actual !== wanted) moves.set(wanted, Number(actual));
  }
  return moves;
}

/** The same text with the port where the local stack really listens, or null when nothing moves. */
export function movePort(text: string, moves: PortMoves): string | null {
  const match = localAddress.exec(text);
  const actual = match === null ? undefined : moves.get(Number(match[2]));
  return match === null || actual === undefined ? null : `${match[1]}${actual}${text.slice(match[0].length)}`;
}

/**
 * Every local address of a validated document moved in place, and the gateway's own port. `isPinned` says of a
 * path, as written in the file, that its value was chosen on purpose. Returns the paths that changed.
 */
export function moveLocalPorts(
  document: ConfigDocument,
  moves: PortMoves,
  isPinned: (path: Path) => boolean,
): readonly Path[] {
  const moved: Path[] = [];
  if (moves.size === 0) return moved;
  const visit = (node: Tree, at: Path): void => {
    for (const [key, value] of Object.entries(node)) {
      const here = at.length === 2 && key === 'settings' ? at : [...at, key];
      if (value !== null && typeof value === 'object') visit(value as Tree, here);
      if (typeof value !== 'string' || isPinned(here)) continue;
      const text = movePort(value, moves);
      if (text === null) continue;
      node[key] = text;
      moved.push(here);
    }
  };
  visit(document, []);
  const { gateway } = document;
  const port = moves.get(gateway.port);
  if (port !== undefined && isLoopback(gateway.host) && !isPinned(['gateway', 'port'])) {
    gateway.port = port;
    moved.push(['gateway', 'port']);
  }
  return moved;
}

function isLoopback(host: string): boolean {
  return host === '127.0.0.1' || host === 'localhost' || host === '::1';
}

function readState(home: string): Record<string, unknown> | null {
  try {
    const state: unknown = JSON.parse(readFileSync(path.join(home, 'local.json'), 'utf8'));
    const { pid, ports } = state as { pid?: unknown; ports?: unknown };
    if (!Number.isInteger(pid) || !isAlive(Number(pid))) return null;
    return ports !== null && typeof ports === 'object' ? (ports as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
