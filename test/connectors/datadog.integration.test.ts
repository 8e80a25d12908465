import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toEvent } from '../../src/connectors/datadog/events.js';
import { datadog } from '../../src/connectors/datadog/index.js';
import type { CheckTick, Measured, Message, OpenConnection } from '../../src/connectors/port.js';
import { Secret } from '../../src/domain/secret.js';
import { datadogKey } from '../../src/sandbox/datadog/vendor.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { describeAction } from './effect-contract.js';
import { markerOf, requestOf } from './requests.js';
import { expectNoSecret, failure, openAgainst, sandboxForTests } from './support.js';

const settings = { auth: { apiKey: new Secret(datadogKey) } };
const opening = { connector: datadog, vendor: 'datadog', settings } as const;
const signal = new AbortController().signal;
const message: Message = {
  kind: 'message',
  channel: '#on-call',
  title: 'DiskFull on db-1',
  text: 'Priority high; fires since 10:00. %%% [click](http://evil.example.com)',
  severity: 'critical',
  fields: [{ name: 'Incident', value: 'inc_3f9a01c2d4e5b6a7' }],
  links: [
    { label: 'Ticket', url: 'https://acme.zendesk.com/agent/tickets/7' },
    { label: 'Odd', url: 'https://example.com/a) [b](c' },
  ],
};

describeAction(datadog, {
  name: 'posting an event',
  vendor: 'datadog',
  settings,
  authIsRetryable: true,
  cannotLook: true,
  match: { method: 'POST', path: '/api/v1/events' },
  action: (connection) => connection.notifier?.send ?? expect.unreachable(),
  request: async (_sandbox, ordinal) => requestOf(ordinal, message),
  // As the explorer shows them: those of one aggregation key are one.
  visible: async (sandbox, { marker }) =>
    new Set(
      sandbox.datadog.events
        .filter(({ tags }) => tags.includes(`marker:${marker}`))
        .map(({ aggregation_key }) => aggregation_key),
    ).size,
});

describe('Datadog', () => {
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
  const send = (ordinal: number, body: Message) =>
    connection.notifier?.send.send(requestOf(ordinal, body), signal);

  it('names events by ids that no number holds, and folds an answer with what it answers', async () => {
    const [first, second] = [await send(101, message), await send(102, message)];
    const { events } = sandbox.datadog;
    expect(first).toMatchObject({ remoteId: `${markerOf(101)}/8749893364879371324` });
    expect(second).toMatchObject({ remoteId: `${markerOf(102)}/8749893364879371325` });
    expect(Number('8749893364879371324')).toBe(Number('8749893364879371325'));
    const thread = first?.kind === 'confirmed' ? first.remoteId : '';
    await send(103, { ...message, severity: 'info', thread });
    expect(events.at(-1)).toMatchObject({ aggregation_key: markerOf(101), alert_type: 'success' });
    expect(events[0]).toMatchObject({ alert_type: 'error', title: 'DiskFull on db-1' });
  });

  it('lets no text format, link or end its block, and keeps within what is taken', async () => {
    const { text } = toEvent(message, markerOf(1));
    expect(text.split('%%%')).toHaveLength(3);
    expect(text).toContain('% % % \\[click\\]\\(http://evil.example.com\\)');
    expect(text).toContain('[Ticket](https://acme.zendesk.com/agent/tickets/7)');
    expect(text).not.toContain('Odd');
    const fields = Array.from({ length: 100 }, (_, at) => ({
      name: `Field ${at}`,
      value: '*'.repeat(5_000),
    }));
    const long = {
      ...message,
      title: '_'.repeat(500),
      text: '#'.repeat(100_000),
      fields,
      channel: 'é '.repeat(300),
    };
    expect(await send(104, long)).toMatchObject({ kind: 'confirmed' });
    expect(toEvent(long, markerOf(1)).text.length).toBeLessThanOrEqual(4_000);
  });

  it('waits as long as the header of its own says when there is too much', async () => {
    sandbox.settings.datadogPerMinute = 0;
    const outcome = await send(105, message);
    sandbox.settings.datadogPerMinute = null;
    expect(outcome).toMatchObject({ kind: 'refused', retryable: true });
    const waitMs = outcome?.kind === 'refused' ? outcome.retryAfterMs : 0;
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(60_000);
  });

  const measured = (count: number, value = 1): Measured[] =>
    Array.from({ length: count }, (_, at) => ({
      name: 'baton_runs_open',
      labels: { pipeline: `p${at}`, state: 'running' },
      value,
    }));

  it('keeps of a point that is sent again the last', async () => {
    const at = new Date();
    await connection.series?.push(measured(3), at, signal);
    await connection.series?.push(measured(3), at, signal);
    await connection.series?.push(measured(1, 7), at, signal);
    const timestamp = Math.floor(at.getTime() / 1_000);
    expect(sandbox.datadog.points()).toEqual(
      [7, 1, 1].map((value, n) => ({
        metric: 'baton_runs_open',
        type: 3,
        tags: [`pipeline:p${n}`, 'state:running'],
        timestamp,
        value,
      })),
    );
  });

  it('sends in portions of at most 500 KB, compressed, and skips what is no number', async () => {
    const before = sandbox.requests.last().length;
    const many = [...measured(9_000), { name: 'baton_x', labels: {}, value: Number.NaN }];
    await connection.series?.push(many, new Date(Date.now() + 1_000), signal);
    expect(sandbox.requests.last().length - before).toBe(3);
    expect(sandbox.datadog.points().filter(({ metric }) => metric === 'baton_runs_open').length).toBe(9_003);
    expect(sandbox.datadog.points().some(({ metric }) => metric === 'baton_x')).toBe(false);
  });

  it('says when not all was taken, or it was not let in', async () => {
    const push = (on = connection) =>
      on.series?.push(measured(1), new Date(), signal) ?? expect.unreachable();
    const match = { method: 'POST', path: '/api/v2/series' };
    const params = { status: 202, body: '{"errors":["metric name is not valid"]}' };
    sandbox.faults.add({ vendor: 'datadog', kind: 'status', match, params });
    await failure(push(), 'ERR_SOURCE_BAD_RESPONSE');
    sandbox.faults.add({ vendor: 'datadog', kind: 'rate_limit', match, params: { retryAfter: 'missing' } });
    expect((await failure(push(), 'ERR_SOURCE_RATE_LIMITED')).options.retryAfterMs).toBe(1_000);
    const wrong = openAgainst(sandbox, {
      ...opening,
      settings: { auth: { apiKey: new Secret('canary-wrong-key') } },
    });
    const error = await failure(push(wrong), 'ERR_SOURCE_FORBIDDEN');
    expect(`${error.stack}${JSON.stringify(error.options)}`).not.toContain('canary-wrong-key');
    wrong.close();
  });

  it('is checked by the key alone', async () => {
    const ticks: CheckTick[] = [];
    for await (const tick of connection.check()) ticks.push(tick);
    expectNoSecret(ticks);
    expect(ticks.map(({ step, state }) => `${step} ${state}`)).toEqual([
      'dns ok',
      'tls skipped',
      'auth ok',
      'sample skipped',
      'clock ok',
    ]);
  });

  it('takes webhooks without an address or a key', () => {
    expect(datadog.mayOnlySend).toBe(true);
    expect(datadog.connection.safeParse({}).success).toBe(true);
  });
});
