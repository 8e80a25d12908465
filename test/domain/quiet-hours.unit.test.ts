import { describe, expect, it } from 'vitest';
import { quietUntil } from '../../src/domain/quiet-hours.js';

const berlin = { from: '22:00', to: '07:00', timezone: 'Europe/Berlin' };
const until = (now: string, hours = berlin) => quietUntil(new Date(now), hours)?.toISOString() ?? null;

describe('quiet hours', () => {
  it.each([
    // Berlin is one hour ahead of UTC in winter, two in summer.
    ['before they begin', '2026-11-20T20:59:59Z', null],
    ['as they begin', '2026-11-20T21:00:00Z', '2026-11-21T06:00:00.000Z'],
    ['over midnight', '2026-11-21T02:30:15Z', '2026-11-21T06:00:00.000Z'],
    ['a moment before their end', '2026-11-21T05:59:59Z', '2026-11-21T06:00:00.000Z'],
    ['as they end', '2026-11-21T06:00:00Z', null],
    ['in summer', '2026-07-01T21:00:00Z', '2026-07-02T05:00:00.000Z'],
    // On 2026-03-29 the clocks go from 2 to 3, on 2026-10-25 from 3 to 2: by hand, from the rule of the European Union.
    ['in the night that is an hour shorter', '2026-03-28T22:00:00Z', '2026-03-29T05:00:00.000Z'],
    ['in the night that is an hour longer', '2026-10-24T21:00:00Z', '2026-10-25T06:00:00.000Z'],
  ])('%s', (_, now, end) => expect(until(now)).toBe(end));

  it('may lie within a day', () => {
    const noon = { from: '12:00', to: '13:30', timezone: 'UTC' };
    expect(until('2026-11-20T11:59:00Z', noon)).toBeNull();
    expect(until('2026-11-20T12:00:00Z', noon)).toBe('2026-11-20T13:30:00.000Z');
    expect(until('2026-11-20T13:30:00Z', noon)).toBeNull();
  });

  it('go by zones that are not whole hours ahead', () => {
    const kathmandu = { from: '22:00', to: '06:00', timezone: 'Asia/Kathmandu' };
    expect(until('2026-11-20T16:14:59Z', kathmandu)).toBeNull();
    expect(until('2026-11-20T16:15:00Z', kathmandu)).toBe('2026-11-21T00:15:00.000Z');
  });
});
