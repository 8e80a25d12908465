import { expect } from 'vitest';

/** An error that says what is wrong with a reference, and how to mend it. */
export const unresolved = (detail: RegExp, fix: RegExp) =>
  expect.objectContaining({
    error: 'ERR_SECRET_UNRESOLVED',
    options: expect.objectContaining({
      detail: expect.stringMatching(detail),
      fix: expect.stringMatching(fix),
    }),
  });
