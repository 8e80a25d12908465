import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../../src/connectors/port.js';
import { escaped, toSlack } from '../../../src/connectors/slack/message.js';

const message: Message = {
  kind: 'message',
  channel: '#data-alerts',
  title: 'Run <failed> & stopped',
  text: 'See <!channel> & <https://evil.example|here>',
  severity: 'critical',
  fields: [{ name: 'a<b', value: 'x & y' }],
  links: [
    { label: 'Run <1>', url: 'https://example.com/?a=1&b=2' },
    { label: 'not a link', url: 'javascript:alert(1)' },
  ],
};

interface Block {
  readonly type: string;
  readonly text?: { readonly text: string };
  readonly fields?: readonly { readonly text: string }[];
}

const blocksOf = (one: Message): readonly Block[] => toSlack(one).blocks as unknown as readonly Block[];

describe('toSlack', () => {
  it('escapes what Slack’s markup is made of, and lets only our own links through', () => {
    const [header, body, fields, links] = blocksOf(message);
    expect(header?.text?.text).toBe('Run &lt;failed&gt; &amp; stopped');
    expect(body?.text?.text).toBe(
      ':rotating_light: See &lt;!channel&gt; &amp; &lt;https://evil.example|here&gt;',
    );
    expect(fields?.fields?.[0]?.text).toBe('*a&lt;b*\nx &amp; y');
    expect(links?.text?.text).toBe('<https://example.com/?a=1&amp;b=2|Run &lt;1&gt;> · not a link');
    expect(toSlack(message).text).not.toMatch(/[<>]/);
  });

  it('stays within every limit of Block Kit, whatever it is given', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 5_000 });
    const pairs = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(value, { maxLength: 60 });
    const any = fc.record({
      title: text,
      text,
      severity: fc.constantFrom('info', 'warning', 'critical'),
      fields: pairs(fc.record({ name: text, value: text })),
      links: pairs(fc.record({ label: text, url: fc.oneof(text, fc.webUrl()) })),
    });
    fc.assert(
      fc.property(any, (given) => {
        const one = { ...message, ...given } as Message;
        expect(toSlack(one).text.length).toBeLessThan(4_000);
        const blocks = blocksOf(one);
        expect(blocks.length).toBeLessThanOrEqual(50);
        for (const { type, text: shown, fields } of blocks) {
          expect(shown?.text.length ?? 1).toBeGreaterThan(0);
          expect(shown?.text.length ?? 0).toBeLessThanOrEqual(type === 'header' ? 150 : 3_000);
          expect(fields?.length ?? 0).toBeLessThanOrEqual(10);
          for (const field of fields ?? []) expect(field.text.length).toBeLessThanOrEqual(2_000);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('cuts between whole characters and never inside an escape', () => {
    expect(escaped('a&&&&', 8)).toBe('a&amp;…');
    expect(escaped('😀😀😀', 5)).toBe('😀😀…');
  });
});
