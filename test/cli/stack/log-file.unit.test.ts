import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLog } from '../../../src/cli/stack/log-file.js';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'baton-log-'));
  file = path.join(folder, 'part.log');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a part’s log', () => {
  it('keeps the previous start beside the new one', () => {
    for (const text of ['first\n', 'second\n']) {
      const log = openLog(file);
      log.write(text);
      log.close();
    }
    expect(readFileSync(file, 'utf8')).toBe('second\n');
    expect(readFileSync(`${file}.1`, 'utf8')).toBe('first\n');
  });

  it('does not grow for ever', () => {
    const log = openLog(file);
    const megabyte = `${'x'.repeat(1024 * 1024 - 1)}\n`;
    for (let count = 0; count < 40; count++) log.write(megabyte);
    log.close();
    expect(statSync(file).size + statSync(`${file}.1`).size).toBeLessThan(24 * 1024 * 1024);
  });

  it('remembers the last lines, without empty ones', () => {
    const log = openLog(file);
    for (let line = 1; line <= 20; line++) log.write(`line ${line}\n\n`);
    log.close();
    expect(log.tail()).toHaveLength(12);
    expect(log.tail().at(-1)).toBe('line 20');
  });
});
