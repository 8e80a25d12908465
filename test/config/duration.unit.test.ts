import { expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../src/config/index.js';

it.each([
  ['2m', 120_000],
  ['1h30m', 5_400_000],
  ['500ms', 500],
  ['PT5M', 300_000],
  ['P1DT2H', 93_600_000],
  ['PT1.5S', 1_500],
  ['7d', 604_800_000],
  [90, 90_000],
  ['90', 90_000],
  ['0s', 0],
  ['', null],
  ['soon', null],
  ['-5m', null],
  ['P', null],
  ['PT', null],
  ['5m later', null],
  ['1e9d', null],
])('%s is %s ms', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

it('formats in the shortest of our forms', () => {
  expect([0, 500, 90_000, 120_000, 86_400_000].map(formatDuration)).toEqual([
    '0s',
    '500ms',
    '90s',
    '2m',
    '1d',
  ]);
});
