import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toEvent } from '../../src/connectors/pagerduty/events.js';
import { pagerduty } from '../../src/connectors/pagerduty/index.js';
import type { EffectRequest, Message, OpenConnection } from '../../src/connectors/port.js';
import { Secret } from '../../src/domain/secret.js';
import { pagerdutyKey } from '../../src/sandbox/pagerduty/vendor.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { describeAction } from './effect-contract.js';
import { requestOf } from './requests.js';
import { expectNoSecret, openAgainst, sandboxForTests } from './support.js';

const settings = { auth: { routingKey: new Secret(pagerdutyKey) } };
const opening = { connector: pagerduty, vendor: 'pagerduty', settings } as const;
const signal = new AbortController().signal;
const message: Message = {
  kind: 'message',
  channel: '#on-call',
  title: 'DiskFull on db-1',
  text: 'Priority high; fires since 10:00.',
  severity: 'critical',
  fields: [{ name: 'Incident', value: 'inc_3f9a01c2d4e5b6a7' }],
  links: [{ label: 'Ticket', url: 'https://acme.zendesk.com/agent/tickets/7' }],
};
const about = (ordinal: number, body: EffectRequest['body'] = message) => requestOf(ordinal, body);

describeAction(pagerduty, {
  name: 'sending an event',
  vendor: 'pagerduty',
  settings,
  authIsRetryable: true,
  cannotLook: true,
  match: { method: 'POST', path: '/v2/enqueue' },
  action: (connection) => connection.notifier?.send ?? expect.unreachable(),
  request: async (_sandbox, ordinal) => about(ordinal),
  // What was triggered twice while it is open is one alert.
  visible: async (sandbox, { marker }) =>
    sandbox.pagerduty.alerts.filter(({ dedupKey }) => dedupKey === marker).length,
});

describe('an alert at PagerDuty', () => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  beforeAll(async () => {
    sandbox = await sandboxForTests(20);
    connection = openAgainst(sandbox, opening);
  });
  afterAll(async () => {
    connection?.close();
    await sandbox?.close();
  });
  const send = async (ordinal: number, body?: Message, on = connection) => {
    const outcome = await on.notifier?.send.send(about(ordinal, body), signal);
    expectNoSecret(outcome);
    expect(JSON.stringify(outcome)).not.toContain(pagerdutyKey);
    return outcome;
  };
  const alerts = () => sandbox.pagerduty.alerts;

  it('is opened by a message, updated by what answers it, and resolved by its end', async () => {
    const first = await send(1);
    if (first?.kind !== 'confirmed') throw new Error('it was not confirmed');
    const thread = first.remoteId;
    expect(alerts()).toMatchObject([
      {
        dedupKey: thread,
        status: 'triggered',
        summary: 'DiskFull on db-1',
        severity: 'critical',
        details: { Incident: 'inc_3f9a01c2d4e5b6a7' },
        triggers: 1,
      },
    ]);
    await send(2, { ...message, thread, title: 'DiskFull on db-1, again', severity: 'warning' });
    expect(alerts()).toMatchObject([
      { summary: 'DiskFull on db-1, again', status: 'triggered', triggers: 2 },
    ]);
    await send(3, { ...message, thread, title: 'Ended', severity: 'info' });
    expect(alerts()).toMatchObject([{ status: 'resolved' }]);
    // Its end told twice changes nothing; the same cause anew is an alert of its own.
    await send(3, { ...message, thread, title: 'Ended', severity: 'info' });
    await send(4);
    expect(alerts()).toMatchObject([{ status: 'resolved' }, { status: 'triggered' }]);
  });

  it('is refused for good with PagerDuty’s own words where the key is not known', async () => {
    const stranger = openAgainst(sandbox, {
      ...opening,
      settings: { auth: { routingKey: new Secret('another') } },
    });
    const outcome = await send(5, message, stranger);
    expect(outcome).toMatchObject({ kind: 'refused', retryable: false });
    expect(JSON.stringify(outcome)).toContain("'routing_key' is invalid");
    stranger.close();
  });

  it('waits when there were too many', async () => {
    sandbox.settings.pagerdutyPerMinute = 0;
    expect(await send(6)).toMatchObject({ kind: 'refused', retryable: true });
    sandbox.settings.pagerdutyPerMinute = null;
    expect(await send(6)).toMatchObject({ kind: 'confirmed' });
  });

  it('is never larger than PagerDuty takes', () => {
    const text = fc.string({ maxLength: 3, unit: 'binary' }).map((piece) => piece.repeat(8_000));
    fc.assert(
      fc.property(text, text, text, (title, body, value) => {
        const event = toEvent(
          {
            ...message,
            title,
            text: body,
            fields: Array.from({ length: 80 }, (_, n) => ({ name: `${n}`, value })),
            links: Array.from({ length: 40 }, () => ({
              label: value,
              url: `https://example.com/${'x'.repeat(1_900)}`,
            })),
          },
          'btn-1',
        );
        expect(event.payload?.summary.length).toBeLessThanOrEqual(1_024);
        expect(Buffer.byteLength(JSON.stringify(event))).toBeLessThan(512_000);
      }),
      { numRuns: 30 },
    );
  });
});
