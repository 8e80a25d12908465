import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/index.js';
import { connectors } from '../../src/connectors/registry.js';
import { projectRoot } from '../setup/shared.js';

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly networks?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly disable?: boolean };
  readonly profiles?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly networks: Readonly<Record<string, unknown>>;
}

const read = (file: string) => readFileSync(path.join(projectRoot, file), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build !== undefined);
const configured = ours.filter(([name]) => name !== 'sandbox');

/** `KEY=value` lines of the example that deploy/make-secrets.sh turns into deploy/baton.env. */
const example = Object.fromEntries(
  read('deploy/baton.env.example')
    .split('\n')
    .filter((line) => /^[A-Z_]+=/.test(line))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
);

function configOf({ environment = {} }: Service) {
  const own = Object.entries(environment).map(([key, value]) => [key, String(value)]);
  return loadConfig({ cwd: projectRoot, connectors, env: { ...example, ...Object.fromEntries(own) } });
}

const secretsIn = (value: unknown): string[] =>
  [...JSON.stringify(value ?? null).matchAll(/secret:\/\/file\/(\/run\/secrets\/([a-z0-9_]+))/g)].map(
    (match) => match[2] ?? '',
  );

describe('docker-compose.yml', () => {
  it.each(configured)(
    'gives %s variables that the configuration accepts, every one of them used',
    (_, service) => {
      const config = configOf(service);
      const variables = { ...example, ...service.environment };
      const taken = Object.values(config.origins).filter((origin) => origin === 'env').length;
      expect(taken).toBe(Object.keys(variables).length);
      const text = JSON.stringify({ ...config, origins: null });
      expect(text).not.toContain('127.0.0.1:');
      expect(text).not.toContain('secret://env/');
    },
  );

  it('would refuse a variable that names no setting', () => {
    const [, worker] = configured[0] ?? [];
    const environment = { ...worker?.environment, BATON_LAKE__PATHS: '/x' };
    expect(() => configOf({ environment })).toThrow(/BATON_LAKE__PATHS/);
  });

  it.each(['worker-control', 'worker-data'])(
    'hands %s every secret that its connections and databases name',
    (name) => {
      const service = compose.services[name] ?? {};
      const { control, warehouse, connections } = configOf(service);
      const needed = secretsIn([control, warehouse, connections]);
      expect(needed.length).toBeGreaterThan(4);
      expect([...new Set(needed)].sort()).toEqual([...(service.secrets ?? [])].sort());
    },
  );

  it('hands the gateway its token, the databases’ password and what webhooks are verified with, and no more', () => {
    const service = compose.services['gateway'] ?? {};
    const { control, warehouse, gateway, connections } = configOf(service);
    const webhooks = Object.values(connections).map(({ webhook }) => webhook);
    expect([...new Set(secretsIn([control, warehouse, gateway, webhooks]))].sort()).toEqual(
      [...(service.secrets ?? [])].sort(),
    );
    expect(gateway.host).toBe('0.0.0.0');
    expect(gateway.token).toBeDefined();
  });

  it('refers only to secrets that it declares and that the script makes', () => {
    const script = read('deploy/make-secrets.sh').replaceAll('\\\n', ' ');
    for (const [name, { file }] of Object.entries(compose.secrets)) {
      expect(script, file).toMatch(new RegExp(`\\b${path.basename(file).replace('.', '\\.')}\\b`));
      expect(
        services.some(([, service]) => service.secrets?.includes(name)),
        name,
      ).toBe(true);
    }
    for (const [name, service] of services) {
      for (const secret of service.secrets ?? [])
        expect(compose.secrets, `${name}: ${secret}`).toHaveProperty(secret);
      for (const [, secret] of JSON.stringify(service).matchAll(/\/run\/secrets\/([a-z0-9_]+)/g))
        if (!secretsIn(service.environment).includes(secret ?? ''))
          expect(service.secrets, name).toContain(secret);
    }
  });

  it('mounts only what exists, and declares its volumes, networks and dependencies', () => {
    for (const [name, service] of services) {
      for (const mount of service.volumes ?? []) {
        const [from = ''] = mount.split(':');
        if (from.startsWith('./'))
          expect(existsSync(path.join(projectRoot, from)), `${name}: ${from}`).toBe(true);
        else expect(compose.volumes, name).toHaveProperty(from);
      }
      for (const network of service.networks ?? []) expect(compose.networks, name).toHaveProperty(network);
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        const needed = compose.services[other];
        expect(needed, `${name} needs ${other}`).toBeDefined();
        const checks = needed?.build !== undefined || needed?.healthcheck !== undefined;
        if (condition === 'service_healthy')
          expect(checks && needed?.healthcheck?.disable !== true, other).toBe(true);
      }
    }
  });

  it('names as hosts only services of its own', () => {
    for (const [name, service] of configured) {
      const { control, warehouse, temporal, connections } = configOf(service);
      const urls = [
        control.url,
        warehouse.url,
        ...Object.values(connections).flatMap(({ baseUrl }) => baseUrl ?? []),
      ];
      const hosts = [...urls.map((url) => new URL(url).hostname), temporal.address.split(':')[0] ?? ''];
      for (const host of hosts) expect(compose.services, name).toHaveProperty(host);
    }
  });

  it('publishes ports to this machine only, and pins every image', () => {
    for (const [name, { ports, image }] of services) {
      for (const port of ports ?? []) expect(port, name).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
      expect(image, name).toMatch(/:v?\d+\.\d+/);
    }
  });

  it('starts programs that exist', () => {
    for (const [name, { command }] of ours) {
      const program = JSON.stringify(command ?? 'dist/gateway/main.js');
      const [, file = ''] = /((?:dist|deploy)\/[\w/]+\.m?js)/.exec(program) ?? [];
      const source = file.replace(/^dist\/(.*)\.js$/, 'src/$1.ts');
      expect(existsSync(path.join(projectRoot, source)), `${name}: ${file}`).toBe(true);
    }
  });
});

describe('Dockerfile', () => {
  const dockerfile = read('Dockerfile');
  const kept = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1).replace(/\/$/, ''));

  it('copies from the project only what exists and what .dockerignore lets through', () => {
    const copies = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) =>
      (match[1] ?? '').split(' '),
    );
    expect(copies.length).toBeGreaterThan(5);
    for (const source of copies.map((file) => file.replace(/\/$/, ''))) {
      expect(existsSync(path.join(projectRoot, source)), source).toBe(true);
      expect(kept, source).toContain(source);
    }
  });

  it('runs as nobody special and receives signals itself', () => {
    expect(dockerfile).toMatch(/^USER 1000:1000$/m);
    expect(dockerfile).toMatch(/^CMD \["node", /m);
    expect(dockerfile).toMatch(/^HEALTHCHECK /m);
  });

  it('has scripts that can be executed', () => {
    for (const script of [
      'deploy/make-secrets.sh',
      'deploy/postgres/create-databases.sh',
      'deploy/temporal/create-schema.sh',
    ])
      expect(statSync(path.join(projectRoot, script)).mode & 0o111, script).not.toBe(0);
  });
});
