import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { z } from 'zod';
import { variableOf } from '../../src/config/environment.js';
import { type BatonConfig, configProblems, loadConfig } from '../../src/config/index.js';
import { configSchema } from '../../src/config/schema/index.js';
import { type AnySchema, defOf, unwrap } from '../../src/config/schema-path.js';
import { project, small } from './project.js';

interface Leaf {
  readonly path: readonly string[];
  readonly example: unknown;
}

/** Every setting of the schema, with records filled in by a name that the file has. */
function leaves(schema: AnySchema, path: readonly string[] = []): readonly Leaf[] {
  const inner = defOf(unwrap(schema));
  const examples = (schema as z.ZodType).meta?.()?.['examples'] as readonly unknown[] | undefined;
  if (inner.type === 'object') {
    return Object.entries(inner.shape ?? {}).flatMap(([key, child]) => leaves(child, [...path, key]));
  }
  if (inner.type === 'record' && inner.valueType !== undefined) {
    return leaves(inner.valueType, [...path, path[0] === 'pipelines' ? 'po_data_pipeline' : 'coupa']);
  }
  return [{ path, example: examples?.[0] }];
}

const all = leaves(configSchema).filter(({ path }) => path[0] !== 'version');

function asVariable(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** What the loaded object shows of a change: itself without what each load makes anew. */
function shown(config: BatonConfig): string {
  const { origins: _origins, root: _root, file: _file, home: _home, lake, ...rest } = config;
  return JSON.stringify({ ...rest, lake: { ...lake, path: lake.path.replace(config.root, '') } });
}

const keyId = { BATON_LAKE__AUTH__ACCESS_KEY_ID: 'AKIA' };
const secretKey = { BATON_LAKE__AUTH__SECRET_ACCESS_KEY: 'secret://env/KEY' };

/** What some settings make sense with only. */
function companionsOf(dotted: string): Readonly<Record<string, string>> {
  const notify = {
    BATON_TRIAGE__NOTIFY__CONNECTION: 'zendesk',
    BATON_TRIAGE__NOTIFY__CHANNEL: '#elsewhere',
  };
  const quiet = { BATON_TRIAGE__QUIET_HOURS__FROM: '21:00', BATON_TRIAGE__QUIET_HOURS__TO: '06:00' };
  const told = {
    BATON_FULFILMENT__NOTIFY__CONNECTION: 'zendesk',
    BATON_FULFILMENT__NOTIFY__CHANNEL: '#elsewhere',
  };
  const companions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'connections.coupa.tenant': { BATON_TENANTS: 'default,acme' },
    'triage.notify.connection': { ...notify },
    'triage.notify.channel': { ...notify },
    'triage.escalate': {
      ...notify,
      BATON_CONNECTIONS__PAGERDUTY__TYPE: 'x',
      BATON_CONNECTIONS__PAGERDUTY__BASE_URL: 'http://127.0.0.1:9',
    },
    'triage.quietHours.from': { ...quiet },
    'triage.quietHours.to': { ...quiet },
    'triage.quietHours.timezone': { ...quiet },
    'triage.quietHours.below': { ...quiet },
    'fulfilment.steps': {
      BATON_CONNECTIONS__INVENTORY__TYPE: 'x',
      BATON_CONNECTIONS__INVENTORY__BASE_URL: 'http://127.0.0.1:9',
    },
    'fulfilment.notify.connection': { ...told },
    'fulfilment.notify.channel': { ...told },
    'observability.series.every': { BATON_OBSERVABILITY__SERIES__CONNECTION: 'zendesk' },
    'lake.type': { BATON_LAKE__BUCKET: 'acme-lake' },
    'lake.auth.accessKeyId': { ...keyId, ...secretKey },
    'lake.auth.secretAccessKey': { ...keyId, ...secretKey },
    'lake.auth.sessionToken': { ...keyId, ...secretKey },
  };
  const table = /^(pipelines\.po_data_pipeline\.tables\.\w+\.write)\.(mergeKey|deletedColumn)$/.exec(dotted);
  if (table !== null)
    return {
      [variableOf([...(table[1] ?? '').split('.'), 'strategy'])]:
        table[2] === 'mergeKey' ? 'delete-insert' : 'scd2',
    };
  const service: Readonly<Record<string, string>> = dotted.endsWith('.syncs')
    ? { BATON_CONNECTIONS__FIVETRAN__TYPE: 'x', BATON_CONNECTIONS__FIVETRAN__BASE_URL: 'http://127.0.0.1:9' }
    : {};
  if (dotted.startsWith('pipelines.ingest_pipeline.') && !dotted.endsWith('.sources'))
    return {
      ...service,
      BATON_PIPELINES__INGEST_PIPELINE__SOURCES: '[{connection: coupa, streams: [suppliers]}]',
    };
  if (dotted.startsWith('pipelines.resilient_elt_pipeline.'))
    return {
      ...service,
      BATON_PIPELINES__RESILIENT_ELT_PIPELINE__SOURCE: 'coupa',
      BATON_PIPELINES__RESILIENT_ELT_PIPELINE__DESK: 'zendesk',
    };
  return { ...service, ...companions[dotted] };
}

describe('every value can be overridden', () => {
  it.each([
    [['connections', 'coupa', 'baseUrl'], 'BATON_CONNECTIONS__COUPA__BASE_URL'],
    [['connections', 'coupa', 'limits', 'timeoutMs'], 'BATON_CONNECTIONS__COUPA__LIMITS__TIMEOUT_MS'],
    [['connections', 'coupa-eu', 'auth', 'clientSecret'], 'BATON_CONNECTIONS__COUPA_EU__AUTH__CLIENT_SECRET'],
    [['alerts', 'on_failure'], 'BATON_ALERTS__ON_FAILURE'],
    [['pipelines', 'po_data_pipeline', 'retryDelay'], 'BATON_PIPELINES__PO_DATA_PIPELINE__RETRY_DELAY'],
  ])('%j as %s', (path, variable) => {
    expect(variableOf(path)).toBe(variable);
  });

  it('finds the settings in the schema', () => {
    expect(all.length).toBeGreaterThan(45);
  });

  it.each(all.map((leaf) => [leaf.path.join('.'), leaf] as const))('%s', (dotted, { path, example }) => {
    expect(example, `${dotted} has no example`).toBeDefined();
    const variable = variableOf(path);
    const companions = companionsOf(dotted);
    const before = loadConfig({ cwd: project(small), env: companions });
    const env = { ...companions, [variable]: asVariable(example) };
    const after = loadConfig({ cwd: project(small), env });
    expect(after.origins[dotted]).toBe('env');
    const same = dotted === 'warehouse.type' || dotted.match(/(source|customers|rates|desk|coupa\.type)$/);
    if (!same) expect(shown(after)).not.toBe(shown(before));
    const wrong = loadOrProblems({ ...companions, [variable]: '\u0000[' });
    for (const place of wrong) expect(place).toBe(variable);
  });
});

function loadOrProblems(env: Record<string, string>): readonly string[] {
  try {
    loadConfig({ cwd: project(small), env });
    return [];
  } catch (error) {
    return configProblems(error).map((problem) => problem.where);
  }
}

describe('no value that may be a secret is ever in an error', () => {
  const canary = 'canary-5f1c';

  it.each(all.map((leaf) => [leaf.path.join('.'), leaf] as const))('planted at %s', (_, { path }) => {
    const document: Record<string, unknown> = { version: 1, connections: { x: { type: 'y', baseUrl: 'z' } } };
    let at = document;
    for (const key of path.slice(0, -1)) {
      at[key] ??= {};
      at = at[key] as Record<string, unknown>;
    }
    for (const planted of [
      canary,
      `http://u:${canary}@h`,
      { [`k`]: canary },
      [canary],
      `secret://${canary}`,
    ]) {
      at[path.at(-1) ?? ''] = planted;
      expect(errorOf(stringify(document))).not.toContain(canary);
    }
  });

  it.each(['clientSecret', 'apiToken', 'password', 'api_key', 'privateKey'])(
    'in a connection as %s',
    (key) => {
      const yaml = small.replace('clientSecret: secret://env/COUPA', `${key}: ${canary}`);
      const error = errorOf(yaml);
      expect(error).toContain('never the secret itself');
      expect(error).not.toContain(canary);
    },
  );

  it('nor as a broken file', () => {
    expect(errorOf(`version: 1\ncontrol: {password: "${canary}\n`)).not.toContain(canary);
    expect(errorOf(`version: 1\n\tpassword: ${canary}\n`)).not.toContain(canary);
    expect(errorOf(`control: {password: !!x &y *${canary}}\n`)).not.toContain(canary);
  });
});

function errorOf(yaml: string): string {
  try {
    loadConfig({ cwd: project(yaml), env: {} });
    return '';
  } catch (error) {
    const own = error as Error;
    return `${own.name} ${own.message} ${JSON.stringify(configProblems(error))}`;
  }
}
