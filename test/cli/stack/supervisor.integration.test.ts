import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { isFree, type Ports } from '../../../src/cli/stack/ports.js';
import { commandLineOf } from '../../../src/cli/stack/process-table.js';
import { type Stack, type StackNeeds, startStack } from '../../../src/cli/stack/supervisor.js';
import { BatonError } from '../../../src/protocol/errors.js';
import { writeFakeParts } from './fake-parts.js';

/** A zombie that nobody has reaped yet has no command line any more. */
const isAlive = (pid: number) => commandLineOf(pid) !== undefined;

const anyPorts: Ports = { temporal: 0, ui: 0, postgres: 0, sandbox: 0, gateway: 0 };
/** What a test does not look at need not start. */
const withoutTemporal = { temporal: false, postgres: true, sandbox: true };
const onlyOurs = { temporal: false, postgres: false, sandbox: true };

const names = ['gateway', 'postgres', 'sandbox', 'temporal', 'worker-control', 'worker-data'];

let folder: string;
let said: string[];
let stacks: Stack[];
let children: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'baton-stack-'));
  chmodSync(folder, 0o755);
  mkdirSync(path.join(folder, 'dist'));
  writeFakeParts(path.join(folder, 'dist'));
  said = [];
  stacks = [];
  children = [];
});

afterEach(async () => {
  await Promise.all(stacks.map((stack) => stack.stop()));
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

function options(env: NodeJS.ProcessEnv = {}) {
  return {
    root: folder,
    home: path.join(folder, '.baton'),
    dist: path.join(folder, 'dist'),
    env: { ...process.env, TEMPORAL_CLI_PATH: inject('temporalPath'), ...env },
    wantedPorts: anyPorts,
    say: (line: string) => said.push(line),
  };
}

async function start(needs?: StackNeeds): Promise<Stack> {
  const stack = await startStack({ ...options(), ...(needs === undefined ? {} : { needs }) });
  stacks.push(stack);
  return stack;
}

/** The same start in a process of its own, as `npm start` has it. */
async function startElsewhere(): Promise<{ child: ChildProcess; pids: number[]; output: () => string }> {
  const supervisor = pathToFileURL(path.join(inject('distPath'), 'cli', 'stack', 'supervisor.js')).href;
  const script = `
    import { startStack } from ${JSON.stringify(supervisor)};
    const options = ${JSON.stringify({ ...options(), say: undefined })};
    try {
      const stack = await startStack(options);
      console.log(JSON.stringify(stack.parts().map((part) => part.pid)));
    } catch (error) { console.log(error.code, error.message); process.exit(8); }
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await until(() => output.includes('\n'));
  const pids = output.startsWith('[') ? (JSON.parse(output) as number[]) : [];
  return { child, pids, output: () => output };
}

async function until(condition: () => boolean | Promise<boolean>, milliseconds = 20_000): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${milliseconds} ms: ${condition}`);
    await sleep(50);
  }
}

async function query(stack: Stack, statement: string): Promise<unknown[]> {
  const secrets = readFileSync(path.join(folder, '.baton', 'secrets.env'), 'utf8');
  const password = /BATON_PG_PASSWORD=(.*)/.exec(secrets)?.[1] ?? '';
  const connectionString = `postgres://baton:${password}@127.0.0.1:${stack.ports.postgres}/warehouse`;
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query(statement);
  await client.end();
  return rows;
}

describe('the local stack', () => {
  it('chooses again when a port is taken between the choice and the start', async () => {
    const thief = net.createServer();
    const taken = net.createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen({ port: 0, host: '127.0.0.1' }, () => resolve((taken.address() as net.AddressInfo).port));
    });
    try {
      const say = (line: string) => {
        said.push(line);
        const chosen = /gateway uses (\d+)/.exec(line)?.[1];
        if (chosen !== undefined && !thief.listening)
          thief.listen({ port: Number(chosen), host: '127.0.0.1' });
      };
      const wantedPorts = { ...anyPorts, gateway: port };
      const stack = await startStack({ ...options(), needs: onlyOurs, wantedPorts, say });
      stacks.push(stack);
      expect(said.join('\n')).toContain('choosing again');
      expect(thief.listening).toBe(true);
      expect(stack.ports.gateway).not.toBe((thief.address() as net.AddressInfo).port);
      expect((await fetch(stack.urls.landing)).ok).toBe(true);
    } finally {
      taken.close();
      thief.close();
    }
  });

  it('starts every part, publishes where they are, and leaves nothing behind', async () => {
    const stack = await start();
    expect(
      stack
        .parts()
        .map(({ name, state }) => [name, state])
        .sort(),
    ).toEqual(names.map((name) => [name, 'up']));
    const home = path.join(folder, '.baton');
    const local = JSON.parse(readFileSync(path.join(home, 'local.json'), 'utf8'));
    expect(local).toMatchObject({ version: 1, pid: process.pid, ports: stack.ports });
    expect(statSync(path.join(home, 'secrets.env')).mode & 0o777).toBe(0o600);
    expect(await (await fetch(`${stack.urls.sandbox}/`)).text()).toBe('sandbox');
    expect(
      await query(stack, 'SELECT datname FROM pg_database WHERE datname IN ($$control$$,$$warehouse$$)'),
    ).toHaveLength(2);

    const pids = stack.parts().map(({ pid }) => Number(pid));
    await stack.stop();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(await Promise.all(Object.values(stack.ports).map(isFree))).not.toContain(false);
    expect(() => readFileSync(path.join(home, 'local.json'))).toThrow('ENOENT');
    const stops = readFileSync(path.join(home, 'fake.log'), 'utf8')
      .split('\n')
      .filter((line) => line.endsWith('stopped'));
    expect(stops.slice(0, 2).sort()).toEqual(['workerscontrol stopped', 'workersdata stopped']);
    expect(stops.slice(2)).toEqual(['gateway stopped', 'sandbox stopped']);
  });

  it('starts a part again that was killed, and says so', async () => {
    const stack = await start();
    await query(stack, 'CREATE TABLE kept AS SELECT 42 AS answer');
    for (const { name, title, pid } of stack.parts().filter(({ name }) => name !== 'gateway')) {
      process.kill(Number(pid), 'SIGKILL');
      await until(() => said.includes(`${title} was killed (SIGKILL); started again`));
      expect(stack.parts().find((part) => part.name === name)).toMatchObject({ state: 'up' });
    }
    expect(await query(stack, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('ends everything when the supervisor itself is killed, and the next start keeps the data', async () => {
    const { child, pids } = await startElsewhere();
    expect(pids).toHaveLength(names.length);
    expect(pids.filter(isAlive)).toHaveLength(names.length);
    child.kill('SIGKILL');
    await until(() => !pids.some(isAlive), 15_000);
    const stack = await start();
    expect(await query(stack, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('starts over what a killed supervisor has left running', async () => {
    const { child, pids } = await startElsewhere();
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    const stack = await start(); // at once: the guard may still be ending the parts
    expect(pids.filter(isAlive)).toEqual([]);
    expect(stack.parts().every(({ state }) => state === 'up')).toBe(true);
  });

  it('refuses to run twice in one folder and names the links of the one that runs', async () => {
    const stack = await start(onlyOurs);
    const { output } = await startElsewhere();
    expect(output()).toContain('BTN-7007');
    expect(output()).toContain(stack.urls.landing);
    expect(stack.parts().every(({ state }) => state === 'up')).toBe(true);
  });

  it('shows the last words of a part that does not start, and ends the others', async () => {
    const failure = await startStack({ ...options({ FAKE_FAILS: 'gateway' }), needs: onlyOurs }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(BatonError);
    expect((failure as BatonError).code).toBe('BTN-7006');
    expect((failure as BatonError).message).toMatch(
      /gateway ended with exit code 3 before it was ready.*no such luck/s,
    );
    expect(() => readFileSync(path.join(folder, '.baton', 'local.json'))).toThrow('ENOENT');
    expect(() => readFileSync(path.join(folder, '.baton', 'pids.json'))).toThrow('ENOENT');
  });

  it('stops at once when it is interrupted while it starts', async () => {
    const abort = new AbortController();
    const starting = startStack({ ...options(), signal: abort.signal });
    await sleep(300);
    abort.abort(new Error('interrupted'));
    await expect(starting).rejects.toThrow('interrupted');
    expect(() => readFileSync(path.join(folder, '.baton', 'pids.json'))).toThrow('ENOENT');
  });

  it('moves away from taken ports and says so', async () => {
    const first = await start(onlyOurs);
    said = [];
    const other = path.join(folder, 'other');
    mkdirSync(other);
    const second = await startStack({
      ...options(),
      home: other,
      wantedPorts: first.ports,
      needs: onlyOurs,
    });
    stacks.push(second);
    expect(said).toContain(`port ${first.ports.gateway} is taken: gateway uses ${second.ports.gateway}`);
    expect(await (await fetch(second.urls.landing)).text()).toBe('gateway');
  });

  it('keeps working when the database password is changed', async () => {
    await (await start(withoutTemporal)).stop();
    const file = path.join(folder, '.baton', 'secrets.env');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/BATON_PG_PASSWORD=.*/, 'BATON_PG_PASSWORD=new'));
    expect(await query(await start(withoutTemporal), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});
