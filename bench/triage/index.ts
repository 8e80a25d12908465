import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { columns } from '../columns.js';
import { createSender, type Delivery } from '../ingest/sender.js';
import type { Bench } from '../main.js';
import { onStage } from '../on-stage.js';
import { positive } from '../options.js';
import type { Stage } from '../servers.js';
import { percentile, rounded } from '../statistics.js';

const databases = { control: 'triage_control', warehouse: 'triage_warehouse' } as const;
/** Each alert comes so often: as from a pair of senders, and sent again. */
const copies = 3;
const secret = 'a-secret-of-the-bench';

export const triage: Bench = {
  name: 'triage',
  summary: 'Alerts of a few causes, tripled and shuffled: what they come to at the desk and the notifier.',
  usage: '[--alerts 10000] [--causes 40] [--seconds 60] [--json] [--keep]',
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        alerts: { type: 'string', default: '10000' },
        causes: { type: 'string', default: '40' },
        seconds: { type: 'string', default: '60' },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
      },
    });
    const asked = {
      alerts: positive('alerts', values.alerts),
      causes: positive('causes', values.causes),
      seconds: positive('seconds', values.seconds),
    };
    await onStage(values, (stage, say) => measure(stage, asked, say));
  },
};

interface Asked {
  readonly alerts: number;
  readonly causes: number;
  readonly seconds: number;
}

async function measure(stage: Stage, asked: Asked, say: (line: string) => void): Promise<object> {
  const installation = await startInstallation(stage);
  say(`${asked.alerts} alerts of ${asked.causes} causes in ${asked.seconds} s`);
  const sender = createSender(installation.url, 32, () => ({ authorization: `Bearer ${secret}` }));
  const startedAt = performance.now();
  const sent = await sender.pace(notifications(asked), asked.seconds);
  sender.close();
  const accepted = sent.filter(({ status }) => status === 202).length;
  const seen = await installation.settled(asked.causes);
  const report = {
    bench: 'triage',
    sent: sent.length,
    accepted,
    ...seen,
    p99Ms: rounded(
      percentile(
        sent.map(({ ms }) => ms),
        0.99,
      ),
      1,
    ),
    seconds: rounded((performance.now() - startedAt) / 1_000, 1),
  };
  say(
    `\n${columns(
      Object.entries(report).map(([name, value]) => [name, String(value)]),
      1,
    )}`,
  );
  return report;
}

/** As Alertmanager sends them, each by itself, in an order that is nobody's. */
function notifications({ alerts, causes }: Asked): Delivery[] {
  const distinct = Math.ceil(alerts / copies);
  const all = Array.from({ length: alerts }, (_, at) => alertOf(at % distinct, causes, at));
  return all
    .map((one, at) => ({ one, at: (at * 7_919 + 13) % alerts }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

function alertOf(number: number, causes: number, at: number): Delivery {
  const cause = number % causes;
  const began = Date.parse('2026-11-20T10:00:00.123Z') + number * 10;
  const alert = {
    status: 'firing',
    labels: { alertname: `Cause${cause}`, severity: 'critical', service: `service-${number}` },
    annotations: { summary: `Cause ${cause} fires` },
    startsAt: new Date(began).toISOString(),
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'https://prometheus.example.com/graph',
    fingerprint: `alert-${number}`,
  };
  const body = {
    version: '4',
    status: 'firing',
    receiver: 'baton',
    groupKey: `{}:{n="${at}"}`,
    alerts: [alert],
  };
  return { id: String(at), body: JSON.stringify(body) };
}

async function startInstallation(stage: Stage) {
  for (const name of Object.values(databases)) await stage.postgres.freshDatabase(name);
  const [gatewayPort, sandboxPort] = [await stage.freePort(), await stage.freePort()];
  const configFile = path.join(stage.folder, 'triage.yaml');
  writeFileSync(configFile, JSON.stringify(configOf(stage, gatewayPort, sandboxPort))); // JSON is YAML
  const env = {
    BATON_CONFIG: configFile,
    BATON_HOME: path.join(stage.folder, 'home'),
    BATON_PG_PASSWORD: stage.postgres.password,
    ALERTMANAGER_SECRET: secret,
    COUPA_CLIENT_SECRET: secret,
    ZENDESK_API_TOKEN: secret,
    SALESFORCE_CLIENT_SECRET: secret,
    SLACK_BOT_TOKEN: secret,
    BATON_SANDBOX_PORT: String(sandboxPort),
    BATON_SANDBOX_RECORDS: '10',
  };
  const program = (name: string) => path.join(import.meta.dirname, '../../dist', name, 'main.js');
  await stage.start({ name: 'sandbox', args: [program('sandbox')], env });
  await stage.start({ name: 'workers', args: [program('workers'), '--role', 'all'], env });
  await stage.start({ name: 'gateway', args: [program('gateway')], env });
  const admin = async (what: string) =>
    (await (await fetch(`http://127.0.0.1:${sandboxPort}/_admin/${what}`)).json()) as unknown[];
  return {
    url: `http://127.0.0.1:${gatewayPort}/hooks/alerts`,
    /** Until as many messages as causes were sent, and nothing waits; no longer than three minutes. */
    async settled(causes: number) {
      for (let left = 360; left > 0; left -= 1) {
        const [row] = await stage.postgres.query<{ waiting: number; incidents: number }>(
          databases.control,
          `SELECT (SELECT count(*) FROM control.inbox WHERE state IN ('accepted','dispatched'))::int AS waiting,
                  (SELECT count(*) FROM control.incidents WHERE is_visible)::int AS incidents`,
        );
        const [tickets, messages] = [await admin('tickets'), await admin('messages')];
        if ((row?.waiting === 0 && messages.length >= causes) || left === 1)
          return {
            waiting: row?.waiting,
            incidents: row?.incidents,
            tickets: tickets.length,
            messages: messages.length,
          };
        await sleep(500);
      }
      return {};
    },
  };
}

function configOf(stage: Stage, gatewayPort: number, sandboxPort: number) {
  const database = (name: string) => ({
    url: stage.postgres.url(name),
    password: 'secret://env/BATON_PG_PASSWORD',
  });
  const sandbox = `http://127.0.0.1:${sandboxPort}`;
  return {
    version: 1,
    temporal: { address: stage.temporal.address },
    control: database(databases.control),
    warehouse: { type: 'postgres', ...database(databases.warehouse) },
    lake: { type: 'local', path: path.join(stage.folder, 'triage-lake') },
    gateway: { host: '127.0.0.1', port: gatewayPort },
    connections: {
      alerts: { type: 'alertmanager', webhook: { secret: 'secret://env/ALERTMANAGER_SECRET' } },
      zendesk: {
        type: 'zendesk',
        baseUrl: `${sandbox}/zendesk`,
        auth: { email: 'baton@example.com', apiToken: 'secret://env/ZENDESK_API_TOKEN' },
        plan: 'high_volume',
      },
      slack: {
        type: 'slack',
        baseUrl: `${sandbox}/slack`,
        auth: { botToken: 'secret://env/SLACK_BOT_TOKEN' },
      },
    },
    events: { rules: [{ name: 'alerts', connection: 'alerts', do: 'triage' }] },
    triage: { desk: 'zendesk', notify: { connection: 'slack', channel: '#on-call' } },
  };
}
