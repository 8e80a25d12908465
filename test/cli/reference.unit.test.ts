import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { referencePages } from '../../src/cli/reference/index.js';
import { catalogue } from '../../src/protocol/errors.js';

const root = path.resolve(import.meta.dirname, '../..');

describe('the reference pages', () => {
  it.each(Object.entries(referencePages()))('%s is current (npm run docs)', (file, text) => {
    expect(readFileSync(path.join(root, file), 'utf8')).toBe(text);
  });
});

describe('the catalogue of errors', () => {
  const specs = Object.entries(catalogue);
  const used = usedNames();

  it('has each code once, with a reason and a way to mend it', () => {
    expect(new Set(specs.map(([, { code }]) => code)).size).toBe(specs.length);
    for (const [name, spec] of specs) {
      expect(spec.code, name).toMatch(/^BTN-[1-9]\d{3}$/);
      expect(spec.why.length, name).toBeGreaterThan(10);
      expect(spec.fix.length, name).toBeGreaterThan(10);
    }
  });

  it('has every error that is thrown', () => {
    const known = new Set(Object.keys(catalogue));
    expect([...used].filter((name) => name.startsWith('ERR_') && !known.has(name))).toEqual([]);
  });

  it('has none that is never thrown', () => {
    expect(
      specs.filter(([name, { code }]) => !used.has(name) && !used.has(code)).map(([name]) => name),
    ).toEqual([]);
  });
});

/** Names in the sources, and codes in the scripts that run before there is anything built. */
function usedNames(): ReadonlySet<string> {
  const passive = ['src/protocol/errors.ts', 'src/cli/exit-codes.ts'];
  const sources = filesUnder('src', '.ts').filter((file) => !passive.includes(file));
  const scripts = [...filesUnder('bin', '.mjs'), ...filesUnder('scripts', '.mjs')];
  const names = sources.flatMap((file) => matches(file, /'(ERR_[A-Z_]+)'/g));
  const codes = scripts.flatMap((file) => matches(file, /(BTN-\d{4})/g));
  // Node's own codes are compared with, never thrown.
  return new Set([...names, ...codes].filter((name) => !nodeCodes.has(name)));
}

const nodeCodes = new Set([
  'ERR_MODULE_NOT_FOUND',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_DESTROYED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

function matches(file: string, pattern: RegExp): readonly string[] {
  return [...readFileSync(path.join(root, file), 'utf8').matchAll(pattern)].map((match) => match[1] ?? '');
}

function filesUnder(folder: string, extension: string): readonly string[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(extension))
    .map((file) => path.join(folder, file));
}
