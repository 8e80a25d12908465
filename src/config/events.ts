import type { Connector } from '../connectors/port.js';
import type { EventRule } from '../domain/event.js';
import { BatonError } from '../protocol/errors.js';
import { resolveSecrets } from './connection.js';
import { fileConnections } from './files.js';
import { describeIssues } from './issues.js';
import type { BatonConfig } from './types.js';

/** The rules of baton.yaml in their order, each with a name. */
export function eventRules(config: BatonConfig): readonly EventRule[] {
  const written = config.events.rules.map((rule, at) => ({
    ...rule,
    name: rule.name ?? `${rule.connection}-${at + 1}`,
  }));
  // Whoever tells of files tells nothing else, and is believed without being asked for it.
  const told = fileConnections(config).map((connection) => ({
    name: `${connection}-files`,
    connection,
    do: 'files',
  }));
  return [...written, ...told];
}

/**
 * The settings of a connection's webhook, validated by its connector, every secret reference replaced by its `Secret`.
 * Throws ERR_CONFIG_INVALID, ERR_SECRET_UNRESOLVED.
 */
export function resolveWebhook(
  config: BatonConfig,
  name: string,
  connectors: Readonly<Record<string, Connector>>,
): Readonly<Record<string, unknown>> {
  const connection = config.connections[name];
  const schema = connectors[connection?.type ?? '']?.webhook?.settings;
  const parsed = schema?.safeParse(connection?.webhook);
  if (parsed?.success === true) return resolveSecrets(parsed.data, config) as Record<string, unknown>;
  const problems =
    schema === undefined || parsed === undefined
      ? ['this connector takes no webhooks']
      : describeIssues(parsed.error, schema, connection?.webhook ?? {}).map(
          ({ path, message }) => `${path.join('.')}: ${message}`,
        );
  throw new BatonError('ERR_CONFIG_INVALID', {
    detail: `The webhook of connection "${name}" is not valid: ${problems.join('; ')}.`,
    where: `connections.${name}.webhook`,
  });
}
