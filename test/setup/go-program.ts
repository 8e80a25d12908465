import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { projectHome } from './shared.js';

/** Where a program is on this machine that Go built, or somebody put; null when it is nowhere. `variable` names it itself. */
export function findGoProgram(program: string, variable: string): string | null {
  const goBin = go('GOBIN');
  const goPath = go('GOPATH');
  const places = [
    process.env[variable],
    ...(process.env['PATH'] ?? '').split(path.delimiter).map((folder) => path.join(folder, program)),
    goBin && path.join(goBin, program),
    goPath && path.join(goPath, 'bin', program),
    path.join(os.homedir(), 'go', 'bin', program),
    path.join(projectHome, 'bin', program),
  ];
  return places.find((place) => place && existsSync(place)) ?? null;
}

function go(variable: string): string {
  try {
    return execFileSync('go', ['env', variable], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '';
  }
}
