import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { inject } from 'vitest';
import type { Captured } from './captured.js';

export interface Spawned {
  readonly child: ChildProcess;
  /** Resolves when stderr has shown the text. */
  said(text: string): Promise<void>;
  readonly ended: Promise<Captured>;
}

/** The real program, as a user's shell starts it. */
export function spawnBaton(args: readonly string[], cwd: string, env: Record<string, string> = {}): Spawned {
  const main = path.join(inject('distPath'), 'cli', 'main.js');
  const inherited = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' };
  const child = spawn(process.execPath, [main, ...args], { cwd, env: { ...inherited, ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<Captured>((resolve) => {
    child.once('close', (code, signal) =>
      resolve({ code: code ?? (signal === null ? -1 : -2), stdout, stderr }),
    );
  });
  return {
    child,
    ended,
    async said(text) {
      while (!stderr.includes(text)) {
        if (child.exitCode !== null) throw new Error(`ended without saying "${text}": ${stderr}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}
