import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const program = path.resolve('scripts/bench.mjs');

it('extract-load prints a table, and as its last line the object that scripts read', async () => {
  const details = path.join(mkdtempSync(path.join(os.tmpdir(), 'bench-')), 'details.json');
  // 31 pages: more than one range, fewer orders than make a long test.
  const words = '--records 1550 --page 50 --only raw,pipeline --phases first,again';
  const { stdout, stderr } = await run(process.execPath, [
    program,
    'extract-load',
    ...words.split(' '),
    '--details',
    details,
  ]);

  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
  expect(Object.keys(last)).toEqual([
    'bench',
    'records',
    'pageSize',
    'recordsPerSecond',
    'ratioToRaw',
    'ratioToDlt',
    'rerunRatioToRaw',
    'peakRssMb',
    'temporalActions',
  ]);
  expect(last).toMatchObject({ bench: 'extract-load', records: 1550, pageSize: 50, ratioToDlt: null });

  // The figures of the line are those of the loads beside it.
  const { loads } = JSON.parse(readFileSync(details, 'utf8')) as { loads: Load[] };
  const seconds = (contestant: string, phase: string) =>
    loads.find((load) => load.contestant === contestant && load.phase === phase)?.seconds ?? Number.NaN;
  expect(last['recordsPerSecond']).toBeCloseTo(1550 / seconds('pipeline', 'first'), -2);
  expect(last['ratioToRaw']).toBeCloseTo(seconds('raw', 'first') / seconds('pipeline', 'first'), 1);
  expect(last['rerunRatioToRaw']).toBeCloseTo(seconds('raw', 'again') / seconds('pipeline', 'again'), 1);
  expect(last['temporalActions']).toBeGreaterThanOrEqual(7);
  expect(last['peakRssMb']).toBeGreaterThan(50);

  for (const heading of ['client CPU s', 'PostgreSQL', 'peak MB', 'ours is'])
    expect(stderr).toContain(heading);
});

interface Load {
  readonly contestant: string;
  readonly phase: string;
  readonly seconds: number;
}
