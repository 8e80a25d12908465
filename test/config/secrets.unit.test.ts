import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  configProblems,
  databaseUrl,
  loadConfig,
  resolveConnection,
  resolveSecret,
} from '../../src/config/index.js';
import type { Connector } from '../../src/connectors/port.js';
import type { Secret } from '../../src/domain/secret.js';
import { project, small } from './project.js';

const never = () => {
  throw new Error('not opened in these tests');
};
const coupa: Connector = {
  type: 'coupa',
  system: 'Coupa',
  verifiedAgainst: ['sandbox'],
  connection: z.strictObject({
    auth: z.strictObject({ clientId: z.string().default('me'), clientSecret: z.string() }),
  }),
  streams: {},
  open: never,
};

describe('resolveSecret', () => {
  it('reads variables, then secrets.env, then files', () => {
    const cwd = project(small, { '.baton/secrets.env': 'A=from-file\nB=b=1\n', 'keys/one': 'k1\n' });
    const absolute = path.join(cwd, 'two');
    writeFileSync(absolute, 'k2\r\n');
    const config = loadConfig({ cwd, env: { A: 'from-env', U: 'postgres://u:p%40ss@h/d' } });
    const reveal = (ref: string) => resolveSecret(ref, config).reveal();
    expect(reveal('secret://env/A')).toBe('from-env');
    expect(reveal('secret://env/B')).toBe('b=1');
    expect(reveal('secret://file/keys/one')).toBe('k1');
    expect(reveal(`secret://file/${absolute}`)).toBe('k2');
    expect(reveal('secret://env-url/U')).toBe('p@ss');
    expect(() => reveal('secret://env/C')).toThrow(/variable C .* is not set/);
    expect(() => reveal('secret://file/none')).toThrow(/none that .* does not exist/);
    expect(() => reveal('hunter2')).toThrow(/^(?!.*hunter2)/);
  });
});

describe('resolveConnection', () => {
  it('validates with the connector and puts secrets in place, unprintable', () => {
    const config = loadConfig({ cwd: project(small), env: { COUPA: 'hunter2' } });
    const resolved = resolveConnection(config, 'coupa', { coupa });
    const auth = resolved.settings['auth'] as { clientId: string; clientSecret: Secret };
    expect(auth.clientId).toBe('me');
    expect(auth.clientSecret.reveal()).toBe('hunter2');
    expect(inspect(resolved, { depth: 9 }) + JSON.stringify(resolved)).not.toContain('hunter2');
    expect(resolved).toMatchObject({
      name: 'coupa',
      baseUrl: 'http://127.0.0.1:4100/coupa',
      limits: { timeoutMs: 30_000 },
    });
  });

  it('names what it does not know, with what is near', () => {
    const config = loadConfig({ cwd: project(small), env: {} });
    expect(() => resolveConnection(config, 'coup', { coupa })).toThrow(
      'No connection "coup". Closest: coupa.',
    );
    expect(() => resolveConnection(config, 'slack', { coupa })).toThrow(
      /names no connector; there are coupa/,
    );
    expect(() => resolveConnection(config, 'coupa', { coupa })).toThrow(/variable COUPA .* not set/);
  });

  it('reports the settings of all connections while loading', () => {
    const yaml = `version: 1
connections:
  a: {type: coupa, baseUrl: http://x, auth: {clientSecrt: secret://env/X}}
  b: {type: coupo, baseUrl: http://x}
`;
    let problems: readonly string[] = [];
    try {
      loadConfig({ cwd: project(yaml), env: {}, connectors: { coupa } });
    } catch (error) {
      problems = configProblems(error).map((p) => `${p.where} ${p.path}: ${p.message}`);
    }
    expect(problems).toEqual([
      'baton.yaml:3:39 connections.a.auth.clientSecret: is required',
      'baton.yaml:3:46 connections.a.auth.clientSecrt: is not a setting; did you mean "clientSecret"?',
      'baton.yaml:4:13 connections.b.type: names no connector; did you mean "coupa"?',
    ]);
  });

  it('lets variables reach the settings of the connector', () => {
    const env = { BATON_CONNECTIONS__COUPA__AUTH__CLIENT_SECRET: 'secret://env/OTHER', OTHER: 'two' };
    const config = loadConfig({ cwd: project(small), env, connectors: { coupa, ...others() } });
    const { settings } = resolveConnection(config, 'coupa', { coupa });
    expect((settings['auth'] as { clientSecret: Secret }).clientSecret.reveal()).toBe('two');
  });
});

function others(): Record<string, Connector> {
  const any = z.looseObject({});
  return Object.fromEntries(
    ['salesforce', 'frankfurter', 'zendesk', 'slack'].map((type) => [
      type,
      { ...coupa, type, connection: any },
    ]),
  );
}

describe('databaseUrl', () => {
  it('adds the password and what PG* says is missing', () => {
    const password = '{url: "postgres:///control", password: secret://env/P}';
    const cwd = project(`version: 1\ncontrol: ${password}\n`);
    const config = loadConfig({
      cwd,
      env: { P: 'p@ss/:', PGHOST: 'db', PGPORT: '6000', PGUSER: 'me', PGSSLMODE: 'require' },
    });
    const url = databaseUrl(config.control, config);
    expect(url.reveal()).toBe('postgres://me:p%40ss%2F%3A@db:6000/control?sslmode=require');
    expect(`${url}`).toBe('[secret]');
  });

  it('takes the password out of DATABASE_URL and puts it back only for the driver', () => {
    const config = loadConfig({ cwd: project(small), env: { DATABASE_URL: 'postgres://u:s%23@h:1/d' } });
    expect(config.control).toEqual({ url: 'postgres://u@h:1/d', password: 'secret://env-url/DATABASE_URL' });
    expect(databaseUrl(config.warehouse, config).reveal()).toBe('postgres://u:s%23@h:1/d');
  });

  it('falls back to PGPASSWORD', () => {
    const yaml = 'version: 1\ncontrol: {password: secret://env/UNSET}\n';
    const cwd = project(yaml);
    const config = loadConfig({ cwd, env: { PGPASSWORD: 'pg' } });
    expect(databaseUrl(config.control, config).reveal()).toBe('postgres://baton:pg@127.0.0.1:5433/control');
    expect(() => databaseUrl(config.control, loadConfig({ cwd, env: {} }))).toThrow(/UNSET/);
  });
});
