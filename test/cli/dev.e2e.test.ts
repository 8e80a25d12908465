import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { commandLineOf } from '../../src/cli/stack/process-table.js';
import { findBrowser, readPage } from '../setup/browser.js';

const root = path.resolve(import.meta.dirname, '..', '..');
let home: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), 'baton-dev-'));
});
afterEach(async () => {
  child?.kill('SIGKILL');
  await sleep(500);
  rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 500 });
});

function baton(...args: string[]) {
  const anyPort = Object.fromEntries(
    ['TEMPORAL', 'UI', 'POSTGRES', 'SANDBOX', 'GATEWAY'].map((name) => [`BATON_PORTS__${name}`, '0']),
  );
  const env = {
    ...process.env,
    ...anyPort,
    BATON_HOME: home,
    BATON_SANDBOX_RECORDS: '300',
    TEMPORAL_CLI_PATH: inject('temporalPath'),
  };
  const started = spawn(process.execPath, [path.join(root, 'bin', 'baton.mjs'), ...args], { cwd: root, env });
  let stdout = '';
  let stderr = '';
  started.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  started.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const exit = new Promise<number | null>((resolve) => started.once('close', resolve));
  return { process: started, exit, stdout: () => stdout, stderr: () => stderr };
}

function partPids(): number[] {
  const notes = JSON.parse(readFileSync(path.join(home, 'pids.json'), 'utf8')) as {
    parts: { pid: number }[];
  };
  return notes.parts.map(({ pid }) => pid);
}

async function until(condition: () => boolean, milliseconds: number): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within ${milliseconds} ms: ${condition}`);
    await sleep(100);
  }
}

/** The pages that a newcomer opens, in a real browser where there is one. */
async function lookAtThePages(ports: { gateway: number; ui: number; sandbox: number }): Promise<void> {
  const browser = findBrowser();
  if (browser === null) {
    console.warn('no browser found: the pages were not looked at (install chromium)');
    return;
  }
  const landing = await readPage(browser, `http://127.0.0.1:${ports.gateway}/`);
  expect(landing.complaints).toEqual([]);
  expect(landing.text).toContain('po_data_pipeline');
  expect(landing.text).toContain('succeeded');
  expect(landing.text).toMatch(/Control database\s+✓ up/);
  expect(landing.links.some((link) => link.startsWith(`http://127.0.0.1:${ports.ui}/`))).toBe(true);
  const sandbox = await readPage(browser, `http://127.0.0.1:${ports.sandbox}/`);
  expect(sandbox.complaints).toEqual([]);
  expect(sandbox.text).toMatch(/Purchase order PO-\d+/);
}

describe('baton dev', () => {
  it('runs the main job once, answers one line of JSON, and leaves nothing running', async () => {
    const run = baton('dev', '--once');
    child = run.process;
    expect(await run.exit, run.stderr()).toBe(0);
    const lines = run.stdout().trim().split('\n');
    expect(lines).toHaveLength(1);
    const answer = JSON.parse(lines[0] ?? '');
    expect(answer).toMatchObject({
      ok: true,
      run: { pipeline: 'po_data_pipeline', state: 'succeeded', durationMs: expect.any(Number) },
      tickets: { updated: 0, resolved: 0 },
    });
    expect(answer.run.id).toMatch(/^run\/po_data_pipeline\/default-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(Object.keys(answer.links)).toEqual(['console', 'temporal', 'sandbox']);
    const { read, loaded, unchanged, quarantined, duplicate, stale, filtered } = answer.receipt;
    expect(read).toBe(loaded + unchanged + quarantined + duplicate + stale + filtered);
    expect(read).toBeGreaterThan(0);
    expect(run.stderr()).toContain('po_data_pipeline');
    expect(existsSync(path.join(home, 'local.json'))).toBe(false);
    expect(existsSync(path.join(home, 'pids.json'))).toBe(false);
  });

  it('serves until Ctrl-C and then ends every process', async () => {
    const run = baton('dev');
    child = run.process;
    await until(() => run.stderr().includes('Ctrl-C stops everything.'), 120_000);
    const { ports } = JSON.parse(readFileSync(path.join(home, 'local.json'), 'utf8'));
    expect((await fetch(`http://127.0.0.1:${ports.gateway}/healthz`)).ok).toBe(true);
    expect((await fetch(`http://127.0.0.1:${ports.ui}/`)).ok).toBe(true);
    await lookAtThePages(ports);
    const doctor = baton('doctor', '--json');
    expect(await doctor.exit, doctor.stdout()).toBe(0);
    const again = baton('dev');
    expect(await again.exit).toBe(8);
    const pids = partPids();
    expect(pids).toHaveLength(6);
    run.process.kill('SIGINT');
    expect(await run.exit).toBe(0);
    expect(pids.filter((pid) => commandLineOf(pid) !== undefined)).toEqual([]);
  });
});
