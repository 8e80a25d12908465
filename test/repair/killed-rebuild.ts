import { spawn } from 'node:child_process';
import path from 'node:path';
import { inject } from 'vitest';
import type { TestBaton } from '../setup/baton.js';
import { projectRoot } from '../setup/shared.js';

/** Runs the command in a process of its own and kills it once so many loads are merged. */
export async function rebuildUntil(baton: TestBaton, loads: number): Promise<void> {
  const child = spawn(
    process.execPath,
    [path.join(inject('distPath'), 'cli/main.js'), 'rebuild', '--quiet'],
    {
      cwd: projectRoot,
      env: { PATH: process.env['PATH'] ?? '', ...baton.env },
      stdio: 'ignore',
    },
  );
  const ended = new Promise((resolve) => child.once('exit', resolve));
  while ((await merged(baton)) < loads) {
    if (child.exitCode !== null) throw new Error(`the rebuild ended by itself (${child.exitCode})`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  child.kill('SIGKILL');
  await ended;
}

async function merged(baton: TestBaton): Promise<number> {
  const exists = await baton.warehouseDatabase.knex.raw(`SELECT to_regclass('raw._baton_loads') AS t`);
  if (exists.rows[0].t === null) return 0;
  const { rows } = await baton.warehouseDatabase.knex.raw(
    `SELECT count(*)::int AS n FROM raw._baton_loads WHERE state = 'loaded'`,
  );
  return rows[0].n;
}
