// Records the histories that the replay test holds the workflows against: `node scripts/record-histories.mjs`.
// Do so when a workflow is added or changed on purpose, and keep the old ones for as long as runs of the old
// code may be open.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { root } from './prepare.mjs';

const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', '--project=workflow', 'test/workflows', '--exclude', '**/replay.*'],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, BATON_RECORD_HISTORIES: '1' },
  },
);
process.exitCode = status ?? 1;
