import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redact, Secret } from '../../src/domain/secret.js';

const value = fc
  .string({ minLength: 8, maxLength: 60, unit: 'grapheme' })
  .filter((text) => text.trim().length >= 8);

describe('a secret', () => {
  it('cannot be printed by accident', () => {
    const secret = new Secret('canary-1f2e3d4c5b');
    const ways = [
      String(secret),
      `${secret}`,
      `a ${JSON.stringify({ deep: [secret] })}`,
      inspect(secret),
      inspect({ deep: { deeper: [secret] } }, { showHidden: true, depth: 9 }),
      new Error(`wrong ${secret}`).message,
      JSON.stringify(Object.entries(secret)),
      JSON.stringify({ ...secret }),
    ];
    for (const text of ways) expect(text).not.toContain('canary');
    expect(secret.reveal()).toBe('canary-1f2e3d4c5b');
  });

  it('is taken out of any text, plain or encoded, wherever it stands', () => {
    fc.assert(
      fc.property(value, fc.string(), fc.string(), (secret, before, after) => {
        new Secret(secret);
        let encoded: string;
        try {
          encoded = encodeURIComponent(secret);
        } catch {
          return; // half a surrogate pair has no such form
        }
        for (const form of [secret, encoded, Buffer.from(secret).toString('base64')]) {
          const clean = redact(`${before} ${form} ${form}${after}`);
          expect(clean).not.toContain(form);
          expect(clean).toContain('[secret]');
        }
      }),
      { numRuns: 60 },
    );
  });

  it('leaves a text without secrets as it is', () => {
    new Secret('something-secret-only-here');
    expect(redact('coupa answered 401: invalid client')).toBe('coupa answered 401: invalid client');
  });

  it('too short to be one does not blot out ordinary words', () => {
    new Secret('order');
    expect(redact('an order of 5')).toBe('an order of 5');
  });
});
