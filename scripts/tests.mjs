// `npm test` and `npm run test:chaos`: prepares a fresh clone, runs vitest, and ends with the counts.
// Arguments after `--` go to vitest: `npm test -- test/lake`.
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { prepare, root, say } from './prepare.mjs';

const chaos = process.argv[2] === '--chaos';
const rest = process.argv.slice(chaos ? 3 : 2);
const tiers = chaos ? ['chaos'] : ['unit', 'workflow', 'integration', 'e2e'];
const countsFile = path.join(os.tmpdir(), `baton-counts-${process.pid}.json`);

try {
  await prepare({ development: true });
} catch (error) {
  if (!error.sentence) throw error;
  say(`✗ ${error.sentence}`);
  process.exit(error.exitCode);
}

const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
const args = ['run', '--passWithNoTests', ...tiers.map((tier) => `--project=${tier}`), ...rest];
const child = spawn(process.execPath, [vitest, ...args], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, BATON_TEST_COUNTS: countsFile },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
const code = await new Promise((resolve) => child.once('close', (exit) => resolve(exit ?? 1)));

const counts = readCounts();
const failed = code !== 0 && counts.failed === 0 ? 1 : counts.failed;
console.log(`${counts.passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function readCounts() {
  try {
    return JSON.parse(readFileSync(countsFile, 'utf8'));
  } catch {
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(countsFile, { force: true });
  }
}
