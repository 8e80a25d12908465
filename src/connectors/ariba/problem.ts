import type { VendorProblem } from '../http-failure.js';

/** Ariba's error bodies: `{"message":…}`, and the token endpoint's `{"error":…,"error_description":…}`. */
export function aribaProblem(_status: number, body: unknown): VendorProblem | null {
  if (typeof body !== 'object' || body === null) return null;
  const words = ['error', 'message', 'error_description'].flatMap((key) => {
    const value: unknown = Object.hasOwn(body, key) ? body[key as keyof typeof body] : undefined;
    return typeof value === 'string' && value !== '' ? [value] : [];
  });
  return words.length === 0 ? null : { words: words.join(': ') };
}
