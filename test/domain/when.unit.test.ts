import { expect, it } from 'vitest';
import { whenText } from '../../src/domain/when.js';

it.each([
  [1, 'in 1 s'],
  [4_001, 'in 5 s'],
  [120_000, 'in 120 s'],
  [120_001, 'at 2026-11-28T07:02:00Z'],
  [17 * 3_600_000, 'at 2026-11-29T00:00:00Z'],
])('a wait of %i ms is over %s', (ms, text) => {
  expect(whenText(ms, Date.parse('2026-11-28T07:00:00Z'))).toBe(text);
});
