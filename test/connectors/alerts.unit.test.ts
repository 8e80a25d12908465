import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { connectors } from '../../src/connectors/registry.js';

const alertsOf = (type: string, content: unknown) => connectors[type]?.webhook?.alerts?.(content) ?? [];

/** By https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/ */
function grafana(alerts: readonly object[], more: object = {}) {
  return {
    receiver: 'baton',
    status: 'firing',
    orgId: 1,
    alerts,
    groupLabels: { alertname: 'High memory' },
    commonLabels: {},
    commonAnnotations: {},
    externalURL: 'https://grafana.example.com/',
    version: '1',
    groupKey: '{}/{}:{alertname="High memory"}',
    truncatedAlerts: 0,
    title: '[FIRING:1] High memory',
    state: 'alerting',
    message: '**Firing**',
    ...more,
  };
}
const highMemory = {
  status: 'firing',
  labels: { alertname: 'High memory', team: 'blue', service: 'orders', severity: 'critical' },
  annotations: { summary: 'Memory of orders is above 90 %' },
  startsAt: '2026-10-12T09:51:03.157076+02:00',
  endsAt: '0001-01-01T00:00:00Z',
  generatorURL: 'https://grafana.example.com/alerting/1afz29v7z/edit',
  fingerprint: 'c6eadffa33fcdf37',
  silenceURL: 'https://grafana.example.com/alerting/silence/new',
  dashboardURL: '',
  panelURL: '',
  values: { B: 44.23943737541908, C: 1 },
  valueString: "[ var='B' value=44.23943737541908 ]",
};

describe('Grafana', () => {
  it('tells of each alert, its times in UTC', () => {
    const ended = {
      ...highMemory,
      status: 'resolved',
      endsAt: '2026-10-12T10:00:00+02:00',
      fingerprint: 'f2',
    };
    expect(alertsOf('grafana', grafana([highMemory, ended]))).toEqual([
      {
        fingerprint: 'c6eadffa33fcdf37',
        status: 'firing',
        severity: 'critical',
        service: 'orders',
        name: 'High memory',
        title: 'Memory of orders is above 90 %',
        labels: highMemory.labels,
        startsAt: '2026-10-12T07:51:03.157Z',
        at: '2026-10-12T07:51:03.157Z',
        url: 'https://grafana.example.com/alerting/1afz29v7z/edit',
      },
      expect.objectContaining({ fingerprint: 'f2', status: 'resolved', at: '2026-10-12T08:00:00.000Z' }),
    ]);
  });

  it.each(['DatasourceError', 'DatasourceNoData'])(
    'names the rule behind %s, and says what it is',
    (alertname) => {
      const labels = { ...highMemory.labels, alertname, rulename: 'High memory', datasource_uid: 'prom' };
      const [alert] = alertsOf('grafana', grafana([{ ...highMemory, labels }]));
      expect(alert).toMatchObject({
        name: 'High memory',
        title: `Memory of orders is above 90 % (${alertname})`,
      });
    },
  );

  it.each([
    [0, undefined],
    [3, 3],
    ['3', 3],
    [-1, undefined],
    [null, undefined],
  ])('counts what did not fit: truncatedAlerts %s', (truncatedAlerts, expected) => {
    for (const type of ['grafana', 'alertmanager']) {
      const [alert] = alertsOf(type, grafana([highMemory], { truncatedAlerts }));
      expect(alert?.leftOut).toBe(expected);
    }
  });

  it('reads from a template of the customer’s what is there of alerts, and nothing else', () => {
    expect(alertsOf('grafana', { text: 'all is well' })).toEqual([]);
    expect(alertsOf('grafana', { alerts: [{ status: 'firing', labels: { alertname: 'x' } }] })).toEqual([]);
  });
});

/** By https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html */
const alarm = {
  AlarmName: 'Orders errors',
  AlarmDescription: 'The function fails',
  AWSAccountId: '123456789012',
  AlarmConfigurationUpdatedTimestamp: '2026-10-12T16:00:00.000+0000',
  NewStateValue: 'ALARM',
  NewStateReason: 'Threshold Crossed: 1 datapoint [10.0] was greater than the threshold (1.0).',
  StateChangeTime: '2026-10-12T16:30:42.236+0000',
  Region: 'EU (Ireland)',
  AlarmArn: 'arn:aws:cloudwatch:eu-west-1:123456789012:alarm:Orders errors',
  OldStateValue: 'OK',
  OKActions: [],
  AlarmActions: ['arn:aws:sns:eu-west-1:123456789012:alarms'],
  InsufficientDataActions: [],
  Trigger: {
    MetricName: 'Errors',
    Namespace: 'AWS/Lambda',
    StatisticType: 'Statistic',
    Statistic: 'SUM',
    Unit: null,
    Dimensions: [{ value: 'orders', name: 'FunctionName' }],
    Period: 60,
    EvaluationPeriods: 1,
    ComparisonOperator: 'GreaterThanThreshold',
    Threshold: 1,
    TreatMissingData: '',
  },
};
const notification = (message: unknown) => ({
  Type: 'Notification',
  MessageId: 'm',
  TopicArn: 'arn:aws:sns:eu-west-1:123456789012:alarms',
  Message: typeof message === 'string' ? message : JSON.stringify(message),
});

describe('CloudWatch, through Amazon SNS', () => {
  it('tells of an alarm', () => {
    expect(alertsOf('sns', notification(alarm))).toEqual([
      {
        fingerprint: alarm.AlarmArn,
        status: 'firing',
        severity: 'error',
        service: 'orders',
        name: 'Orders errors',
        title: `Orders errors: ${alarm.NewStateReason}`,
        labels: {
          FunctionName: 'orders',
          namespace: 'AWS/Lambda',
          metric: 'Errors',
          account: '123456789012',
          region: 'EU (Ireland)',
        },
        startsAt: '2026-10-12T16:30:42.236Z',
        at: '2026-10-12T16:30:42.236Z',
        url: 'https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#alarmsV2:alarm/Orders%20errors',
      },
    ]);
  });

  it.each([
    ['OK', 'resolved', 'error'],
    ['ALARM', 'firing', 'error'],
    ['INSUFFICIENT_DATA', 'firing', 'warning'],
  ])('%s is %s, %s', (NewStateValue, status, severity) => {
    expect(alertsOf('sns', notification({ ...alarm, NewStateValue }))).toMatchObject([{ status, severity }]);
  });

  it('tells of one without dimensions, ARN or description, and of one in China', () => {
    const { Trigger: _, AlarmArn: __, ...composite } = alarm;
    expect(alertsOf('sns', notification({ ...composite, AlarmRule: 'ALARM(a)' }))).toMatchObject([
      { fingerprint: '["123456789012","EU (Ireland)","Orders errors"]', service: null, url: null },
    ]);
    const china = 'arn:aws-cn:cloudwatch:cn-north-1:123456789012:alarm:x';
    expect(alertsOf('sns', notification({ ...alarm, AlarmArn: china }))).toMatchObject([{ url: null }]);
  });

  it.each(['{"AlarmName":', 'an order', '[]', '{"orderId":7}', ''])('tells of nothing in %j', (message) => {
    expect(alertsOf('sns', notification(message))).toEqual([]);
  });
});

/** By https://developer.pagerduty.com/docs/webhooks-overview */
const event = (event_type: string, data: object = {}, occurred_at = '2026-10-12T10:00:00.000Z') => ({
  event: {
    id: '5ac64822-4adc-4fda-ade0-410becf0de4f',
    event_type,
    resource_type: 'incident',
    occurred_at,
    agent: { id: 'P1', type: 'user_reference' },
    client: null,
    data: {
      id: 'PGR0VU2',
      type: 'incident',
      self: 'https://api.pagerduty.com/incidents/PGR0VU2',
      html_url: 'https://acme.pagerduty.com/incidents/PGR0VU2',
      number: 2,
      status: 'triggered',
      incident_key: 'd3640fbd41094207a1c11e58e46b1662',
      created_at: '2026-10-12T09:00:00Z',
      title: 'A little bump in the road',
      service: { id: 'PF9KMXH', type: 'service_reference', summary: 'API Service' },
      urgency: 'high',
      priority: { id: 'PSO75BM', type: 'priority_reference', summary: 'P1' },
      ...data,
    },
  },
});

describe('PagerDuty', () => {
  it('tells of an incident', () => {
    expect(alertsOf('pagerduty', event('incident.triggered'))).toEqual([
      {
        fingerprint: 'PGR0VU2',
        status: 'firing',
        severity: 'critical',
        service: 'API Service',
        name: 'A little bump in the road',
        title: 'A little bump in the road',
        labels: {
          service: 'API Service',
          urgency: 'high',
          priority: 'P1',
          incident_key: 'd3640fbd41094207a1c11e58e46b1662',
        },
        startsAt: '2026-10-12T09:00:00.000Z',
        at: '2026-10-12T10:00:00.000Z',
        url: 'https://acme.pagerduty.com/incidents/PGR0VU2',
      },
    ]);
  });

  it.each<[string, object, object]>([
    ['incident.acknowledged', { status: 'acknowledged' }, { status: 'firing' }],
    ['incident.resolved', { status: 'resolved' }, { status: 'resolved', at: '2026-10-12T10:00:00.000Z' }],
    ['incident.priority_updated', { priority: { summary: 'P3' } }, { severity: 'warning' }],
    ['incident.priority_updated', { priority: { summary: 'SEV-1' }, urgency: 'low' }, { severity: 'info' }],
    ['incident.triggered', { priority: null, urgency: 'low' }, { severity: 'info' }],
    ['incident.reopened', {}, { status: 'firing', startsAt: '2026-10-12T10:00:00.000Z' }],
  ])('%s of %j is %j', (type, data, expected) => {
    expect(alertsOf('pagerduty', event(type, data))).toMatchObject([expected]);
  });

  it('tells of nothing in what is no incident', () => {
    expect(alertsOf('pagerduty', event('incident.annotated', { type: 'incident_note' }))).toEqual([]);
    expect(
      alertsOf('pagerduty', { event: { id: 'E', event_type: 'pagey.ping', data: { message: 'Hello' } } }),
    ).toEqual([]);
  });
});

const senders = Object.keys(connectors).filter((type) => connectors[type]?.webhook?.alerts !== undefined);

describe('whatever is sent', () => {
  const samples = [
    grafana([highMemory]),
    notification(alarm),
    event('incident.triggered'),
    { date: '1760000000000' },
  ];
  const garbage = fc.oneof(
    fc.jsonValue(),
    // One member, at any depth, is something else.
    fc.tuple(fc.constantFrom(...samples), fc.nat(60), fc.jsonValue()).map(([sample, at, value]) => {
      let seen = 0;
      return JSON.parse(JSON.stringify(sample), (_, member) => (seen++ === at ? value : member)) as unknown;
    }),
  );
  it.each(senders)('%s: alerts are read or none is, and all that is read is complete', (type) => {
    fc.assert(
      fc.property(garbage, (content) => {
        for (const alert of alertsOf(type, content)) {
          expect(alert.fingerprint).not.toBe('');
          expect(new Date(alert.at).toISOString()).toBe(alert.at);
          expect(new Date(alert.startsAt).toISOString()).toBe(alert.startsAt);
          expect(['firing', 'resolved']).toContain(alert.status);
        }
      }),
    );
  });
  it('there are five that tell of alerts', () => {
    expect(senders).toEqual(['alertmanager', 'datadog', 'grafana', 'pagerduty', 'sns']);
  });
});
