import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalText, exactNumberText, product, sum } from '../../src/connectors/decimal-text.js';
import { dayText, instantText } from '../../src/connectors/instant.js';
import { createRateLimiter, sharedRateLimiter } from '../../src/connectors/rate-limiter.js';
import { retryAfterMs } from '../../src/connectors/retry-after.js';

describe('retryAfterMs', () => {
  const date = 'Thu, 01 Jan 2026 00:00:00 GMT';
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['0', undefined],
    ['2', 2_000],
    ['1.5', 1_500],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Thu, 01 Jan 2026 00:00:00 GMT', undefined],
    ['Wed, 31 Dec 2025 23:59:00 GMT', undefined],
    ['Fri, 01 Jan 2999 00:00:00 GMT', 3_600_000],
    ['99999999999999999999', 3_600_000],
    ['9'.repeat(400), 3_600_000],
    ['soon', undefined],
    ['-5', undefined],
    ['2026-01-01', undefined],
    ['NaN', undefined],
    ['Infinity', undefined],
    ['Thursday', undefined],
  ])('reads %j as %j', (header, expected) => {
    expect(retryAfterMs({ date, ...(header === undefined ? {} : { 'retry-after': header }) })).toBe(expected);
  });

  it.each([
    [{ reset: '57000' }, 57_000_000],
    [{ reset: '99999999' }, 86_400_000],
    [{ reset: '2', 'retry-after': '5' }, 5_000],
    [{ reset: '0' }, undefined],
    [{ reset: 'soon' }, undefined],
    [{}, undefined],
  ])('takes %j of a vendor that says it in a header of its own, for a day at most', (headers, expected) => {
    expect(retryAfterMs({ date, ...headers }, 'reset')).toBe(expected);
    expect(retryAfterMs({ ...headers, 'retry-after': '' })).toBeUndefined();
  });

  it('counts from our own clock where the vendor does not tell its time', () => {
    const at = new Date(Date.now() + 30_000).toUTCString();
    for (const headers of [{ 'retry-after': at }, { 'retry-after': at, date: 'yesterday' }]) {
      expect(retryAfterMs(headers)).toBeGreaterThan(25_000);
      expect(retryAfterMs(headers)).toBeLessThanOrEqual(30_000);
    }
  });
});

describe('decimalText', () => {
  it.each([
    ['12.500000', '12.500000'],
    ['-0.5', '-0.5'],
    ['+7', '7'],
    ['007.10', '7.10'],
    ['1e2', '100'],
    ['1.5E-3', '0.0015'],
    ['12,50', null],
    ['1.2.3', null],
    ['', null],
    ['.5', null],
    ['1.', null],
    ['Infinity', null],
    ['0x10', null],
    ['1e99', null],
    ['1'.repeat(31), null],
    ['１２', null],
  ])('reads %j as %j', (text, expected) => {
    expect(decimalText(text)).toBe(expected);
  });

  it('says of a JSON number only what its float holds', () => {
    expect(exactNumberText(0.1)).toBe('0.1');
    expect(exactNumberText(1e20)).toBeNull();
    expect(exactNumberText(0.1 + 0.2)).toBeNull();
    expect(exactNumberText(Number.NaN)).toBeNull();
  });

  it('adds and multiplies without a float', () => {
    expect(sum(['0.1', '0.2', '-0.3'])).toBe('0');
    expect(sum([])).toBe('0');
    expect(product('0.000001', '99999999999999999999.999999')).toBe('99999999999999.999999999999');
  });
});

describe('instantText', () => {
  it.each([
    ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.000Z'],
    ['2026-01-01T00:00:00-08:00', '2026-01-01T08:00:00.000Z'],
    ['2026-05-01T07:25:37.123+0000', '2026-05-01T07:25:37.123Z'],
    ['2026-01-01T00:00:00.123456789+05:30', '2025-12-31T18:30:00.123456Z'],
    ['2026-01-01', '2026-01-01T00:00:00.000Z'],
    ['2024-02-29T12:00:00Z', '2024-02-29T12:00:00.000Z'],
    ['2026-02-29T12:00:00Z', null],
    ['2026-06-31T10:00:00-07:00', null],
    ['2026-13-05T25:61:00+02:00', null],
    ['2026-01-01T24:00:00Z', null],
    ['2026-01-01T00:00:00+15:00', null],
    ['01/02/2026', null],
    ['now', null],
  ])('reads %j as %j', (text, expected) => {
    expect(instantText(text)).toBe(expected);
  });

  it('agrees with Date on every time that exists', () => {
    const dates = fc.date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(dates, fc.integer({ min: -14 * 60, max: 14 * 60 }), (date, offset) => {
        const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1);
        const two = (n: number): string => String(n).padStart(2, '0');
        const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
        expect(instantText(local + zone)).toBe(date.toISOString());
      }),
    );
  });

  it('takes a day in the vendor’s own zone', () => {
    expect(dayText('2026-06-01T23:00:00-07:00')).toBe('2026-06-01');
    expect(dayText('2026-06-31')).toBeNull();
  });
});

describe('the rate limiter', () => {
  it('lets through no more than its rate and its tolerance, in any second', async () => {
    let nowMs = 0;
    const limiter = createRateLimiter(20, () => nowMs);
    const waits: number[] = [];
    for (let n = 0; n < 6; n++) waits.push(await limiter.take());
    // A quarter of a second's worth, and the one whose place it is.
    expect(waits).toEqual([0, 0, 0, 0, 0, 0]);
    expect(await limiter.take()).toBe(50);
    nowMs = 10_000;
    expect(await limiter.take()).toBe(0);
  });

  it('stops waiting when cancelled', async () => {
    const limiter = createRateLimiter(0.001);
    await limiter.take();
    const reason = new Error('stop');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 20);
    await expect(limiter.take(controller.signal)).rejects.toBe(reason);
    await expect(limiter.take(AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('is one per connection, however often that is opened', () => {
    expect(sharedRateLimiter('a|http://x', 5)).toBe(sharedRateLimiter('a|http://x', 5));
    expect(sharedRateLimiter('a|http://x', 5)).not.toBe(sharedRateLimiter('b|http://x', 5));
  });
});
