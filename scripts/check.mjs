// `npm run check`: everything about the code that a machine can decide without running it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { prepare, root, say } from './prepare.mjs';

const checks = [
  ['format and lint', 'biome', ['check', '--error-on-warnings', '.']],
  ['types', 'tsc', ['--noEmit', '-p', 'tsconfig.json']],
  [
    'import directions',
    'depcruise',
    ['--config', '.dependency-cruiser.mjs', '--output-type', 'err', 'src', 'bench'],
  ],
  ['unused code', 'knip', ['--no-progress']],
];

try {
  await prepare({ development: true });
} catch (error) {
  if (!error.sentence) throw error;
  say(`✗ ${error.sentence}`);
  process.exit(error.exitCode);
}

const only = process.argv[2];
let failures = 0;
for (const [title, program, args] of checks.filter(([name]) => !only || name === only)) {
  const startedAt = Date.now();
  const { code, output } = await run(program, args);
  say(`${code === 0 ? '✓' : '✗'} ${title}  ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  if (code !== 0) {
    failures += 1;
    process.stdout.write(output);
  }
}
process.exitCode = failures > 0 ? 1 : 0;

function run(program, args) {
  const file = path.join(root, 'node_modules', '.bin', program);
  if (!existsSync(file)) return Promise.resolve({ code: 1, output: `${program} is not installed\n` });
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.once('close', (code) => resolve({ code, output }));
  });
}
