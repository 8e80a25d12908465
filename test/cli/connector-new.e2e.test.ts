import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baton } from './captured.js';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');
const copied = [
  ...['src', 'test', 'bench', 'bin', 'scripts', 'examples', 'docs'],
  ...[
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'biome.json',
    'vitest.config.ts',
    '.dependency-cruiser.mjs',
  ],
];

describe('baton connector new, in a checkout', () => {
  let checkout: string;
  const tool = (name: string, ...args: string[]) =>
    run(path.join(root, 'node_modules/.bin', name), args, { cwd: checkout });
  beforeAll(() => {
    checkout = mkdtempSync(path.join(os.tmpdir(), 'baton-checkout-'));
    for (const name of copied) cpSync(path.join(root, name), path.join(checkout, name), { recursive: true });
    symlinkSync(path.join(root, 'node_modules'), path.join(checkout, 'node_modules'));
  });
  afterAll(() => rmSync(checkout, { recursive: true, force: true }));

  it('makes a connector that compiles, keeps the rules of this house and its contract', async () => {
    const made = await baton(['connector', 'new', 'servicenow', '--system', 'ServiceNow', '--json'], {
      cwd: checkout,
    });
    expect(made.stderr).toBe('');
    expect(made.code).toBe(0);

    await tool('tsc', '--noEmit', '-p', 'tsconfig.json');
    await tool('biome', 'check', '--error-on-warnings', 'src', 'test');
    await tool('depcruise', '--config', '.dependency-cruiser.mjs', '--output-type', 'err', 'src');
    const test = 'test/connectors/servicenow.integration.test.ts';
    const { stdout } = await tool('vitest', 'run', '--project=integration', '--reporter=json', test);
    const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as Record<string, number>;
    expect(report['numFailedTests']).toBe(0);
    expect(report['numPassedTests']).toBeGreaterThan(40);
  }, 240_000);

  it('does not write over a connector, and refuses names that are none', async () => {
    const again = await baton(['connector', 'new', 'zendesk'], { cwd: checkout });
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('src/connectors/zendesk/index.ts is there already');
    expect((await baton(['connector', 'new', '../x'], { cwd: checkout })).code).toBe(2);
    const of = (folder: string) => readFileSync(path.join(folder, 'src/connectors/zendesk/index.ts'), 'utf8');
    expect(of(checkout)).toBe(of(root));
  });

  it('says where it has to run', async () => {
    const elsewhere = await baton(['connector', 'new', 'servicenow'], { cwd: os.tmpdir() });
    expect(elsewhere.code).toBe(2);
    expect(elsewhere.stderr).toContain('no checkout of Baton here');
  });
});
