import type { VendorProblem } from '../http-failure.js';

/** Coupa's error bodies: `{"errors":{"<resource>":["message"]}}`, and the token endpoint's `{"error":…}`. */
export function coupaProblem(_status: number, body: unknown): VendorProblem | null {
  if (typeof body !== 'object' || body === null) return null;
  if ('errors' in body) return { words: wordsOf(body.errors).join('; ') };
  if (!('error' in body) || typeof body.error !== 'string') return null;
  const described = 'error_description' in body ? wordsOf(body.error_description) : [];
  return { words: [body.error, ...described].join(': ') };
}

function wordsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(wordsOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).map(([name, words]) => `${name}: ${wordsOf(words).join(', ')}`);
}
