import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BatonConfig, configProblems, loadConfig, noticePlace } from '../../src/config/index.js';
import { connectors } from '../../src/connectors/registry.js';
import { breakerDefaults } from '../../src/domain/breaker.js';
import { project, small } from './project.js';

const load = (cwd: string, env: Record<string, string> = {}): BatonConfig => loadConfig({ cwd, env });

function problemsOf(yaml: string, env: Record<string, string> = {}): readonly string[] {
  const cwd = project(yaml);
  try {
    load(cwd, env);
  } catch (error) {
    return configProblems(error).map((p) => `${p.where} ${p.path}: ${p.message}`);
  }
  return [];
}

describe('loadConfig', () => {
  it('accepts the baton.yaml of this repository', () => {
    const config = loadConfig({ cwd: path.resolve(import.meta.dirname, '../..'), env: {} });
    expect(Object.keys(config.connections)).toEqual([
      'coupa',
      'zendesk',
      'salesforce',
      'alertmanager',
      'pos',
      'rates',
      'inventory',
      'suppliers',
      'ledger',
      'slack',
    ]);
    const settings = config.pipelines['po_data_pipeline'];
    expect(settings).toMatchObject({ threshold: '10000', retries: 3, retryDelayMs: 120_000, lagMs: null });
    expect(settings?.schedule).toEqual({
      cron: '* * * * *',
      timezone: 'UTC',
      paused: false,
      catchupWindowMs: 3_600_000,
    });
    expect(config.gateway.publicUrl).toBe('http://127.0.0.1:4000');
    expect(config.lake.path).toBe(path.join(config.root, '.baton/lake'));
  });

  it('fills in defaults and says where each value comes from', () => {
    const config = load(project(small), { BATON_PIPELINES__PO_DATA_PIPELINE__THRESHOLD: '0.10' });
    expect(config.temporal.address).toBe('127.0.0.1:7233');
    expect(config.connections['coupa']).toEqual({
      type: 'coupa',
      baseUrl: 'http://127.0.0.1:4100/coupa',
      tenant: null,
      limits: {
        timeoutMs: 30_000,
        requestsInFlight: 4,
        maxResponseBytes: 67_108_864,
        breaker: breakerDefaults,
      },
      settings: { auth: { clientSecret: 'secret://env/COUPA' } },
    });
    expect(config.pipelines['po_data_pipeline']?.threshold).toBe('0.10');
    expect(config.origins).toMatchObject({
      'temporal.address': 'default',
      'connections.coupa.baseUrl': 'file',
      'connections.coupa.limits.timeoutMs': 'default',
      'pipelines.po_data_pipeline.threshold': 'env',
    });
  });

  it('is found from a folder below and where BATON_CONFIG points', () => {
    const cwd = project(small, { 'deep/er/x': '', 'other.yaml': `${small}tenants: [acme]\n` });
    expect(load(path.join(cwd, 'deep/er')).root).toBe(cwd);
    expect(load('/', { BATON_CONFIG: path.join(cwd, 'other.yaml') }).tenants).toEqual(['acme']);
    expect(() => load('/')).toThrow(/No baton.yaml/);
  });

  it('takes the address of a queue for the notifications of a bucket, and of no folder', () => {
    const queue = 'https://sqs.eu-central-1.amazonaws.com/123456789012/lake';
    const lake = `lake: {notifications: {queue: "${queue}"}`;
    const config = load(
      project(
        `${small}${lake}, type: s3, bucket: acme, auth: {accessKeyId: key, secretAccessKey: secret://env/LAKE}}\n`,
      ),
      { LAKE: 'hidden-lake-secret' },
    );
    expect(noticePlace(config)).toMatchObject({ url: queue, region: 'us-east-1' });
    expect(noticePlace(load(project(small)))).toBeNull();
    expect(noticePlace(load(project(`${small}${lake}}\n`)))).toBeNull();
  });

  it('reports all problems at once, each where it stands', () => {
    const yaml = `version: 1
temporal:
  adress: 127.0.0.1:7233
gateway: {port: "abc"}
connections:
  coupa:
    type: coupa
  zendesk: {type: zendesk, baseUrl: "ftp://x", auth: {apiToken: hunter2}}
pipelines:
  po_data_pipeline:
    source: coupe
    customers: zendesk
    rates: zendesk
    desk: zendesk
    threshold: "ten"
    schedule: {cron: "61 * * * *", catchupWindow: soon}
`;
    expect(problemsOf(yaml)).toEqual([
      'baton.yaml:3:3 temporal.adress: is not a setting; did you mean "address"?',
      'baton.yaml:4:17 gateway.port: must be a port number from 0 to 65535',
      'baton.yaml:6:3 connections.coupa.baseUrl: is required',
      'baton.yaml:8:37 connections.zendesk.baseUrl: must be an http:// or https:// address',
      'baton.yaml:8:65 connections.zendesk.auth.apiToken: must be a reference to a secret (secret://env/NAME, secret://file/path, secret://vault/mount/path#field, secret://aws/name#field or secret://gcp/project/name#field), never the secret itself',
      'baton.yaml:11:13 pipelines.po_data_pipeline.source: names no connection; did you mean "coupa"?',
      'baton.yaml:15:16 pipelines.po_data_pipeline.threshold: must be a decimal number that is not negative, best in quotes: "10000.00"',
      'baton.yaml:16:22 pipelines.po_data_pipeline.schedule.cron: must be a cron expression such as "0 6 * * *" or "@daily"',
      'baton.yaml:16:51 pipelines.po_data_pipeline.schedule.catchupWindow: must be a duration: 30s, 2m, 1h30m, 7d, PT5M, or a number of seconds',
    ]);
  });

  it('takes the address of a mail server from a mail connection alone', () => {
    const address = (type: string, baseUrl: string) =>
      problemsOf(`version: 1
connections:
  x: {type: ${type}, baseUrl: "${baseUrl}", from: a@example.com, to: [b@example.com]}
`).filter((problem) => problem.includes('connections.x.baseUrl'));
    expect(address('email', 'smtps://mail.example.com:465')).toEqual([]);
    expect(address('email', 'https://mail.example.com')).toEqual([
      expect.stringContaining('must be an smtp:// or smtps:// address'),
    ]);
    expect(address('zendesk', 'smtp://mail.example.com')).toEqual([
      expect.stringContaining('must be an http:// or https:// address'),
    ]);
  });

  it('refuses escalation that goes on from nobody or backwards, and hours that are none', () => {
    const level = (after: string) => `{after: ${after}, connection: slack, channel: "#x"}`;
    const yaml = `version: 1
connections:
  slack: {type: slack, baseUrl: http://127.0.0.1:1, auth: {botToken: secret://env/T}}
triage:
  escalate: [${level('15m')}, ${level('5m')}]
  quietHours: {from: "22:00", to: "24:00", timezone: Middle/Earth}
`;
    expect(problemsOf(yaml)).toEqual([
      expect.stringContaining('triage.escalate: must name times that grow from one to the next'),
      expect.stringContaining('triage.escalate.0: goes on from triage.notify, which is not set'),
      expect.stringContaining('triage.escalate.1: goes on from triage.notify, which is not set'),
      expect.stringContaining('triage.quietHours.to: must be a time such as 22:00'),
      expect.stringContaining('triage.quietHours.timezone'),
    ]);
  });

  it('names the variable when the environment is wrong', () => {
    const env = {
      BATON_GATEWAY__PORT: 'http',
      BATON_CONECTIONS__COUPA__BASE_URL: 'http://x',
      BATON_TEMPORAL__ADRESS: 'x:1',
      BATON_PIPELINES__PO_DATA_PIPELINE__DESK: 'zendes',
    };
    expect(problemsOf(small, env)).toEqual([
      'BATON_CONECTIONS__COUPA__BASE_URL : names no setting; did you mean CONNECTIONS instead of CONECTIONS?',
      'BATON_GATEWAY__PORT gateway.port: must be a port number from 0 to 65535',
      'BATON_PIPELINES__PO_DATA_PIPELINE__DESK pipelines.po_data_pipeline.desk: names no connection; did you mean "zendesk"?',
      'BATON_TEMPORAL__ADRESS : names no setting; did you mean ADDRESS instead of ADRESS?',
    ]);
  });

  it('points at syntax errors', () => {
    expect(problemsOf('version: 1\ntemporal: {address: "x\n')[0]).toMatch(/^baton.yaml:\d+:\d+ .*YAML/);
    expect(problemsOf('version: 1\nversion: 1\n')).toEqual(['baton.yaml:2:1 : this key stands here twice']);
    // One bracket too many, of which all the rest follows.
    expect(
      problemsOf('version: 1\nconnections: [\n  a:\n    type: coupa\n  b:\n    type: coupa\n'),
    ).toHaveLength(1);
    expect(problemsOf('just text\n')[0]).toMatch(/must hold sections/);
    expect(problemsOf('')).toEqual(['baton.yaml:1:1 version: is required']);
  });

  it('lets the customary variables speak and BATON_ variables win', () => {
    const config = load(project(small), {
      TEMPORAL_ADDRESS: 'temporal:7233',
      TEMPORAL_NAMESPACE: 'one',
      BATON_TEMPORAL__NAMESPACE: 'two',
      TEMPORAL_API_KEY: 'hunter2',
      DATABASE_URL: 'postgres://u:hunter2@db/app',
      BATON_WAREHOUSE__URL: 'postgres://w@wh/dwh',
      BATON_TENANTS: 'default, acme',
      BATON_ALERTS__ON_SUCCESS: '[{connection: slack, channel: "#ok"}]',
      BATON_CONNECTIONS__COUPA__AUTH__CLIENT_ID: 'me',
      BATON_CONNECTIONS__EU__TYPE: 'coupa',
      BATON_CONNECTIONS__EU__BASE_URL: 'https://eu.example.com/',
      BATON_PG_PASSWORD: 'a secret, not a setting',
      BATON_GATEWAY__HOST: '',
    });
    expect(config.temporal).toMatchObject({ address: 'temporal:7233', namespace: 'two' });
    expect(config.temporal.apiKey).toBe('secret://env/TEMPORAL_API_KEY');
    expect(config.control.url).toBe('postgres://u@db/app');
    expect(config.warehouse.url).toBe('postgres://w@wh/dwh');
    expect(config.tenants).toEqual(['default', 'acme']);
    expect(config.alerts.on_success).toEqual([{ connection: 'slack', channel: '#ok' }]);
    expect(config.connections['coupa']?.settings['auth']).toMatchObject({ clientId: 'me' });
    expect(config.connections['eu']?.baseUrl).toBe('https://eu.example.com');
    expect(config.gateway.host).toBe('127.0.0.1');
    expect(JSON.stringify(config)).not.toContain('hunter2');
  });

  it('follows the local stack when a port moved, but never a variable', () => {
    const state = { version: 1, pid: process.pid, ports: { temporal: 7300, sandbox: 4105, gateway: 4001 } };
    const cwd = project(small, { '.baton/local.json': JSON.stringify(state) });
    const config = load(cwd, { BATON_CONNECTIONS__SLACK__BASE_URL: 'http://127.0.0.1:4100/slack' });
    expect(config.temporal.address).toBe('127.0.0.1:7300');
    expect(config.connections['coupa']?.baseUrl).toBe('http://127.0.0.1:4105/coupa');
    expect(config.connections['slack']?.baseUrl).toBe('http://127.0.0.1:4100/slack');
    expect(config.gateway).toMatchObject({ port: 4001, publicUrl: 'http://127.0.0.1:4001' });
    expect(config.control.url).toContain(':5433/');
    expect(config.origins).toMatchObject({
      'connections.coupa.baseUrl': 'local',
      'temporal.address': 'local',
    });
    const dead = { ...state, pid: 2 ** 30 };
    const other = project(small, { '.baton/local.json': JSON.stringify(dead) });
    expect(load(other).temporal.address).toBe('127.0.0.1:7233');
  });

  it('keeps the lake with the state when BATON_HOME moves it', () => {
    const config = load(project(small), { BATON_HOME: '/elsewhere' });
    expect(config).toMatchObject({ home: '/elsewhere', lake: { path: '/elsewhere/lake' } });
  });

  it('reads numbers as decimals without changing them', () => {
    const withThreshold = (text: string) =>
      small.replace('desk: zendesk}', `desk: zendesk, threshold: ${text}}`);
    const value = (text: string) =>
      load(project(withThreshold(text))).pipelines['po_data_pipeline']?.threshold;
    expect(value('2500.5')).toBe('2500.5');
    expect(value('"12345678901234567890.123"')).toBe('12345678901234567890.123');
    expect(problemsOf(withThreshold('12345678901234567890.123'))[0]).toMatch(/best in quotes/);
    expect(problemsOf(withThreshold('"-1"'))[0]).toMatch(/not negative/);
  });
});

describe('a connection that may only send', () => {
  const yaml = (type: string, more: string) => `
version: 1
connections:
  one: {type: ${type}, ${more}}
`;
  const hook = 'webhook: {secret: secret://env/A}';
  const problems = (text: string) => {
    try {
      loadConfig({ cwd: project(text), env: {}, connectors });
      return [];
    } catch (error) {
      return configProblems(error).map(({ path, message }) => `${path}: ${message}`);
    }
  };
  it('needs an address only where something is asked of it', () => {
    expect(problems(yaml('datadog', hook))).toEqual([]);
    expect(problems(yaml('datadog', 'auth: {apiKey: secret://env/A}'))).toEqual([
      'connections.one.baseUrl: is required',
    ]);
    expect(problems(yaml('slack', hook))).toContain('connections.one.baseUrl: is required');
  });
});
