import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fits, ruleFor } from '../../src/domain/event.js';

describe('a pattern', () => {
  it('fits what the regular expression of the same meaning fits', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 8 });
    fc.assert(
      fc.property(text, text, (pattern, given) => {
        const parts = pattern.split('*').map((part) => part.replace(/[.*]/g, '\\$&'));
        expect(fits(pattern, given)).toBe(new RegExp(`^${parts.join('.*')}$`, 's').test(given));
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('the rule of an event', () => {
  const rules = [
    { name: 'one', connection: 'zendesk', types: ['ticket.created', 'ticket.*_changed'], do: 'land' },
    { name: 'two', connection: 'zendesk', do: 'ignore' },
    { name: 'three', connection: 'coupa', do: 'land' },
  ];
  it.each([
    ['zendesk', 'ticket.created', 'one'],
    ['zendesk', 'ticket.status_changed', 'one'],
    ['zendesk', 'user.created', 'two'],
    ['coupa', 'anything', 'three'],
    ['slack', 'anything', undefined],
  ])('of %s, %s, is the first that fits', (connection, type, name) => {
    expect(ruleFor(rules, { connection, type })?.name).toBe(name);
  });
});
