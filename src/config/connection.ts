import type { z } from 'zod';
import type { ConnectionLimits, Connector, ResolvedConnection } from '../connectors/port.js';
import { BatonError } from '../protocol/errors.js';
import { closestFew } from './closest.js';
import type { Tree } from './document.js';
import { describeIssues, type IssueProblem } from './issues.js';
import { commonConnectionKeys } from './schema/connections.js';
import { secretRefPattern } from './schema/values.js';
import type { AnySchema } from './schema-path.js';
import { keysOf } from './schema-path.js';
import { resolveSecret } from './secrets.js';
import type { BatonConfig, ConnectionConfig } from './types.js';

type Connectors = Readonly<Record<string, Connector>>;

/** What the connectors say about the connections in the tree: unknown types, wrong or missing settings. */
export function connectionIssues(tree: Tree, connectors: Connectors): readonly IssueProblem[] {
  return Object.entries(asTree(tree['connections'])).flatMap(([name, connection]) => {
    const type = asTree(connection)['type'];
    if (typeof type !== 'string') return [];
    const connector = connectors[type];
    if (connector === undefined) {
      const path = ['connections', name, 'type'];
      return [{ path, message: unknownType(type, connectors), about: 'value' as const }];
    }
    const settings = ownSettings(asTree(connection), connector.connection);
    const { baseUrl, webhook } = asTree(connection);
    const onlySends = connector.mayOnlySend === true && webhook !== undefined;
    const needsUrl = connector.open !== undefined && baseUrl === undefined && !onlySends;
    return [
      ...(needsUrl
        ? [{ path: ['connections', name, 'baseUrl'], message: 'is required', about: 'missing' as const }]
        : []),
      ...issuesOf(connector.connection, settings, ['connections', name]),
      ...webhookIssues(connector, webhook, ['connections', name, 'webhook']),
    ];
  });
}

function webhookIssues(
  connector: Connector,
  webhook: unknown,
  path: readonly string[],
): readonly IssueProblem[] {
  if (webhook === undefined) return [];
  if (connector.webhook !== undefined) return issuesOf(connector.webhook.settings, asTree(webhook), path);
  return [{ path, message: `is not taken: ${connector.system} sends none that we know`, about: 'key' }];
}

function issuesOf(schema: z.ZodType, settings: Tree, path: readonly string[]): readonly IssueProblem[] {
  const parsed = schema.safeParse(settings);
  if (parsed.success) return [];
  return describeIssues(parsed.error, schema, settings).map((issue) => ({
    ...issue,
    path: [...path, ...issue.path],
  }));
}

/** Schema of the connector's own settings of a connection in the tree; null when it is not known. */
export function settingsSchemaOf(name: string, tree: Tree, connectors: Connectors | null): AnySchema | null {
  const type = asTree(asTree(tree['connections'])[name])['type'];
  return (typeof type === 'string' ? connectors?.[type]?.connection : null) ?? null;
}

/**
 * A connection ready to open: settings validated by the connector, every secret reference replaced by its
 * `Secret`. Throws ERR_UNKNOWN_NAME, ERR_CONNECTION_TYPE_UNKNOWN, ERR_CONFIG_INVALID, ERR_SECRET_UNRESOLVED.
 */
export function resolveConnection(
  config: BatonConfig,
  name: string,
  connectors: Connectors,
): ResolvedConnection {
  const connection = config.connections[name];
  if (connection === undefined) throw unknownConnection(name, config);
  const connector = connectorOf(connection, name, connectors);
  if (connector.open === undefined || connection.baseUrl === null)
    throw new BatonError('ERR_CONFIG_INVALID', {
      detail: `Connection "${name}" only sends events to us: nothing can be read from it or written to it.`,
      where: `connections.${name}`,
    });
  return {
    name,
    type: connection.type,
    baseUrl: connection.baseUrl,
    settings: resolveSecrets(validSettings(connection, connector, name), config) as Record<string, unknown>,
    limits: limitsOf(connection),
  };
}

/** ERR_UNKNOWN_NAME with the nearest connections there are. */
export function unknownConnection(name: string, config: BatonConfig): BatonError {
  const names = Object.keys(config.connections);
  const near = closestFew(name, names, 3);
  const hint =
    near.length > 0 ? ` Closest: ${near.join(', ')}.` : ` There are: ${names.join(', ') || 'none'}.`;
  return new BatonError('ERR_UNKNOWN_NAME', {
    detail: `No connection "${name}".${hint}`,
    fix: 'See all: baton connections list',
  });
}

/** A connection's own settings as its connector validates them; secrets still as references. Throws ERR_UNKNOWN_NAME, ERR_CONNECTION_TYPE_UNKNOWN, ERR_CONFIG_INVALID. */
export function ownSettingsOf(config: BatonConfig, name: string, connectors: Connectors): unknown {
  const connection = config.connections[name];
  if (connection === undefined) throw unknownConnection(name, config);
  return validSettings(connection, connectorOf(connection, name, connectors), name);
}

function connectorOf(connection: ConnectionConfig, name: string, connectors: Connectors): Connector {
  const connector = connectors[connection.type];
  if (connector !== undefined) return connector;
  const detail = `Connection "${name}": type ${unknownType(connection.type, connectors)}.`;
  throw new BatonError('ERR_CONNECTION_TYPE_UNKNOWN', { detail, where: `connections.${name}.type` });
}

function validSettings(connection: ConnectionConfig, connector: Connector, name: string): unknown {
  const { settings, ...common } = connection;
  const written = ownSettings({ ...common, ...settings }, connector.connection);
  const parsed = connector.connection.safeParse(written);
  if (parsed.success) return parsed.data;
  const issues = describeIssues(parsed.error, connector.connection, written);
  const lines = issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new BatonError('ERR_CONFIG_INVALID', {
    detail: `Connection "${name}" is not valid: ${lines.join('; ')}.`,
    where: `connections.${name}`,
  });
}

/** Without the keys that every connection has, unless the connector's schema names them too. */
export function ownSettings(connection: Tree, schema: z.ZodType): Tree {
  const named = new Set(keysOf(schema));
  return Object.fromEntries(
    Object.entries(connection).filter(([key]) => !commonConnectionKeys.has(key) || named.has(key)),
  );
}

/** The same with every secret reference replaced by its `Secret`. */
export function resolveSecrets(value: unknown, config: BatonConfig): unknown {
  if (typeof value === 'string') return secretRefPattern.test(value) ? resolveSecret(value, config) : value;
  if (Array.isArray(value)) return value.map((item) => resolveSecrets(item, config));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolveSecrets(item, config)]));
}

function limitsOf({ limits }: ConnectionConfig): ConnectionLimits {
  const { requestsPerSecond, requestsPerMinute, requestsPerDay, ...rest } = limits;
  return {
    ...rest,
    ...(requestsPerSecond === undefined ? {} : { requestsPerSecond }),
    ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }),
    ...(requestsPerDay === undefined ? {} : { requestsPerDay }),
  };
}

function unknownType(type: string, connectors: Connectors): string {
  const types = Object.keys(connectors);
  const near = closestFew(type, types, 1)[0];
  return near === undefined
    ? `names no connector; there are ${types.join(', ')}`
    : `names no connector; did you mean "${near}"?`;
}

function asTree(value: unknown): Tree {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Tree) : {};
}
