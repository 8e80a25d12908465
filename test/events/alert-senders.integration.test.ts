import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectors } from '../../src/connectors/registry.js';
import { snsWebhook } from '../../src/connectors/sns/index.js';
import { query } from '../../src/database/postgres.js';
import { createAccess } from '../../src/gateway/access.js';
import { createAcceptor } from '../../src/gateway/intake/acceptor.js';
import { createIntake } from '../../src/gateway/intake/intake.js';
import { createServer } from '../../src/gateway/server.js';
import { type AwsServer, findAwsServer, startAwsServer } from '../setup/aws-server.js';
import { type Installation, startInstallation } from './installation.js';

const found = findAwsServer();
const secrets = {
  GRAFANA_SECRET: 'canary-grafana-51c0aa',
  PAGERDUTY_SECRET: 'canary-pagerduty-8e02',
  DATADOG_SECRET: 'canary-datadog-30fa',
};
const topic = 'arn:aws:sns:eu-central-1:123456789012:alarms';
const hex = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest('hex');
const began = '2026-11-20T10:00:00Z';
/** The server looks at region and service only. */
const authorization =
  'AWS4-HMAC-SHA256 Credential=a/20261120/eu-central-1/sns/aws4_request, SignedHeaders=host, Signature=b';

let baton: Installation;
beforeAll(async () => {
  baton = await startInstallation({
    ...secrets,
    BATON_CONNECTIONS__GRAFANA: JSON.stringify({
      type: 'grafana',
      webhook: { scheme: 'hmac', secret: 'secret://env/GRAFANA_SECRET', timestampHeader: 'x-time' },
    }),
    BATON_CONNECTIONS__PAGERDUTY: JSON.stringify({
      type: 'pagerduty',
      webhook: { secret: 'secret://env/PAGERDUTY_SECRET' },
    }),
    BATON_CONNECTIONS__DATADOG: JSON.stringify({
      type: 'datadog',
      webhook: { secret: 'secret://env/DATADOG_SECRET' },
    }),
    BATON_CONNECTIONS__ALARMS: JSON.stringify({ type: 'sns', webhook: { topics: [topic] } }),
    BATON_EVENTS__RULES: JSON.stringify(
      ['grafana', 'pagerduty', 'datadog', 'alarms'].map((connection) => ({
        name: `from-${connection}`,
        connection,
        do: 'triage',
      })),
    ),
  });
  baton.sandbox.settings.zendeskPerMinute = null;
}, 90_000);
afterAll(() => baton?.stop());

/** The tickets whose subject holds this, as the desk has them. */
async function tickets(subject: string) {
  const all = (await baton.tickets()).filter((ticket) => ticket.subject.includes(subject));
  return all.map(({ status, comments }) => ({ status, text: comments.map(({ body }) => body).join('\n') }));
}
const settles = (subject: string, status: 'open' | 'solved') =>
  vi.waitFor(
    async () => {
      const seen = await tickets(subject);
      expect(seen.map((ticket) => (ticket.status === 'new' ? 'open' : ticket.status))).toEqual([status]);
      return seen[0]?.text ?? '';
    },
    { timeout: 30_000, interval: 100 },
  );

describe('Grafana', () => {
  const tell = async (status: 'firing' | 'resolved', truncatedAlerts = 0, alertname = 'High memory') => {
    const body = JSON.stringify({
      receiver: 'baton',
      status,
      orgId: 1,
      version: '1',
      groupKey: '{}:{}',
      truncatedAlerts,
      state: status === 'firing' ? 'alerting' : 'ok',
      alerts: [
        {
          status,
          labels: { alertname, rulename: 'High memory', service: 'orders', severity: 'critical' },
          annotations: { summary: 'Memory is short' },
          startsAt: began,
          endsAt: status === 'firing' ? '0001-01-01T00:00:00Z' : '2026-11-20T11:30:00+01:00',
          fingerprint: alertname,
        },
      ],
    });
    const time = String(Math.floor(Date.now() / 1_000));
    const answer = await baton.post('grafana', body, {
      'content-type': 'application/json',
      'x-time': time,
      'x-grafana-alerting-signature': hex(secrets.GRAFANA_SECRET, `${time}:${body}`),
    });
    expect(answer.status).toBe(202);
  };

  it('has one ticket for a rule and what stands in for it, which says that alerts were left out, and is solved', async () => {
    await tell('firing');
    expect(await settles('Memory is short', 'open')).not.toContain('did not fit');
    // All has been told, and nothing rings the incident any more but news of it.
    await vi.waitFor(
      async () => {
        const told = await query<{ n: number }>(
          baton.database.knex,
          `SELECT count(*)::int AS n FROM control.effects WHERE kind = 'message.send' AND state = 'confirmed'
             AND NOT EXISTS (SELECT FROM control.bells)`,
        );
        expect(told.rows).toEqual([{ n: 1 }]);
      },
      { timeout: 20_000 },
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    await tell('firing', 7);
    await vi.waitFor(
      async () => expect((await tickets('Memory is short'))[0]?.text).toContain('Up to 7 more alerts'),
      { timeout: 20_000 },
    );
    await tell('firing', 7, 'DatasourceNoData');
    await tell('resolved');
    await tell('resolved', 0, 'DatasourceNoData');
    const text = await settles('Memory is short', 'solved');
    expect(text).toContain('All 2 alerts have ended');
    // Once when it was learnt, and once beside the end: nobody has told that those have ended too.
    expect(text.split('did not fit')).toHaveLength(3);
  }, 60_000);
});

describe('PagerDuty', () => {
  const tell = async (id: string, event_type: string, minute: number, data: object) => {
    const body = JSON.stringify({
      event: {
        id,
        event_type,
        resource_type: 'incident',
        occurred_at: `2026-11-20T10:${String(minute).padStart(2, '0')}:00Z`,
        data: {
          id: 'PGR0VU2',
          type: 'incident',
          html_url: 'https://acme.pagerduty.com/incidents/PGR0VU2',
          created_at: began,
          title: 'Checkout is slow',
          service: { summary: 'checkout' },
          urgency: 'low',
          ...data,
        },
      },
    });
    const answer = await baton.post('pagerduty', body, {
      'content-type': 'application/json',
      'x-pagerduty-signature': `v1=${hex('another', body)},v1=${hex(secrets.PAGERDUTY_SECRET, body)}`,
    });
    expect(answer.status).toBe(202);
  };

  it('has one ticket, whose priority rises with the incident’s, and which is solved with it', async () => {
    await tell('1', 'incident.triggered', 0, { status: 'triggered' });
    expect(await settles('Checkout is slow', 'open')).toContain(
      'https://acme.pagerduty.com/incidents/PGR0VU2',
    );
    await tell('2', 'incident.acknowledged', 1, { status: 'acknowledged' });
    await tell('3', 'incident.priority_updated', 2, { status: 'acknowledged', priority: { summary: 'P1' } });
    await vi.waitFor(
      async () =>
        expect((await tickets('Checkout is slow'))[0]?.text).toContain('The priority rises to high'),
      { timeout: 20_000 },
    );
    await tell('4', 'incident.resolved', 3, { status: 'resolved', priority: { summary: 'P1' } });
    await settles('Checkout is slow', 'solved');
  }, 60_000);
});

describe('Datadog', () => {
  const tell = async (id: string, alert_transition: string, minute: number) => {
    const body = JSON.stringify({
      id,
      alert_id: '7',
      alert_cycle_key: '11111',
      alert_transition,
      alert_priority: 'P1',
      alert_scope: 'service:search',
      title: `[${alert_transition} on {service:search}] Search is slow`,
      text: 'null',
      tags: 'env:prod',
      link: 'https://app.datadoghq.com/event/event?id=1',
      date: String(Date.parse(began) + minute * 60_000),
    });
    const headers = { 'content-type': 'application/json', 'x-baton-secret': secrets.DATADOG_SECRET };
    expect((await baton.post('datadog', body, headers)).status).toBe(202);
  };

  it('has one ticket from Triggered to Recovered, by a connection that has neither address nor key', async () => {
    await tell('8749893364879371324', 'Triggered', 0);
    await tell('8749893364879371325', 'Renotify', 5);
    expect(await settles('Search is slow', 'open')).toContain('search');
    await tell('8749893364879371326', 'Recovered', 9);
    await settles('Search is slow', 'solved');
  }, 60_000);
});

describe.skipIf(found === null)('CloudWatch, through an independent SNS', () => {
  let aws: AwsServer;
  let gateway: ReturnType<typeof createServer>;
  let url: string;
  const fetched: string[] = [];

  beforeAll(async () => {
    aws = await startAwsServer(found ?? '');
    // The server's certificates are at its own address, under the path that a message names.
    const sns = {
      ...connectors['sns'],
      webhook: snsWebhook(async ({ pathname }) => {
        fetched.push(pathname);
        const answer = await fetch(`${aws.endpoint}${pathname}`, {
          headers: { authorization },
        });
        return answer.text();
      }),
    };
    const { accept } = createAcceptor({ store: baton.parts.inbox.accept, deadlineMs: 4_000 });
    const intake = createIntake({
      config: baton.config,
      connectors: { ...connectors, sns: sns as never },
      accept,
      onForged: (_, why) => forged.push(why),
    });
    gateway = createServer({ ...baton.parts, intake }, createAccess(baton.config));
    url = await gateway.listen({ host: '127.0.0.1', port: 0 });
    await action({ Action: 'CreateTopic', Name: 'alarms' });
    await action({
      Action: 'Subscribe',
      TopicArn: topic,
      Protocol: 'http',
      Endpoint: `${url}/hooks/alarms`,
    });
  }, 60_000);
  afterAll(async () => {
    await gateway?.close();
    await aws?.stop();
  });
  const forged: string[] = [];

  /** https://docs.aws.amazon.com/sns/latest/api/API_Operations.html */
  async function action(parameters: Record<string, string>): Promise<void> {
    const answer = await fetch(aws.endpoint, {
      method: 'POST',
      body: new URLSearchParams({ Version: '2010-03-31', ...parameters }),
      headers: { authorization },
    });
    expect(answer.status, await answer.text()).toBe(200);
  }
  /** What CloudWatch would publish: the server's own alarms publish nothing. */
  const alarm = (state: string, minute: number) =>
    action({
      Action: 'Publish',
      TopicArn: topic,
      Message: JSON.stringify({
        AlarmName: 'Orders errors',
        AWSAccountId: '123456789012',
        NewStateValue: state,
        NewStateReason: 'Threshold Crossed',
        StateChangeTime: `2026-11-20T10:${String(minute).padStart(2, '0')}:00.000+0000`,
        Region: 'EU (Frankfurt)',
        AlarmArn: 'arn:aws:cloudwatch:eu-central-1:123456789012:alarm:Orders errors',
        Trigger: {
          Namespace: 'AWS/Lambda',
          MetricName: 'Errors',
          Dimensions: [{ name: 'FunctionName', value: 'orders' }],
        },
      }),
    });

  it('has one ticket from ALARM to OK, by messages whose signature its certificate proves', async () => {
    await alarm('ALARM', 0);
    const text = await settles('Orders errors: Threshold Crossed', 'open');
    expect(text).toContain('https://eu-central-1.console.aws.amazon.com/cloudwatch/home');
    await alarm('OK', 5);
    await settles('Orders errors: Threshold Crossed', 'solved');
    expect(fetched).toHaveLength(2);
    expect(forged).toEqual([]);
  }, 60_000);

  it('is refused what another topic publishes', async () => {
    await action({ Action: 'CreateTopic', Name: 'others' });
    const TopicArn = topic.replace('alarms', 'others');
    await action({ Action: 'Subscribe', TopicArn, Protocol: 'http', Endpoint: `${url}/hooks/alarms` });
    await action({ Action: 'Publish', TopicArn, Message: '{}' });
    expect(forged).toEqual([`its topic is ${TopicArn}`]);
  });
});
