import type { Connector, Guarantee, Verification, Write } from '../connectors/port.js';
import { type SettingPath, settingPaths } from './connector-settings.js';

const capabilityOf: Readonly<Record<Write, string>> = {
  'ticket.open': 'tickets',
  'ticket.update': 'tickets',
  'message.send': 'messages',
  'command.send': 'commands',
  'series.push': 'series',
  'sync.start': 'syncs',
};

/** What of a connector a person, or a script, wants to know before it is used. */
export interface ConnectorView {
  /** The `type` of a connection in baton.yaml. */
  readonly name: string;
  readonly system: string;
  /** `source`, `tickets`, `messages`, `commands`, `series`, `syncs`, `webhooks`, `alerts`. */
  readonly capabilities: readonly string[];
  readonly verifiedAgainst: readonly Verification[];
  /** How certain one visible effect per cause is, by the kind of write. */
  readonly guarantees: NonNullable<Connector['writes']>;
  /** Names of its streams; empty where the connection declares its own. */
  readonly streams: readonly string[];
  readonly needs: Needs;
}

interface Needs {
  /** Settings without which a connection is refused. */
  readonly settings: readonly string[];
  readonly optional: readonly string[];
  /** Scopes and permissions at the vendor. */
  readonly permissions: readonly string[];
}

export function connectorView(connector: Connector): ConnectorView {
  const { type, system, verifiedAgainst, writes = {}, streams, streamsOf, webhook } = connector;
  const isSource = Object.keys(streams).length > 0 || streamsOf !== undefined;
  const written = Object.keys(writes).map((write) => capabilityOf[write as Write]);
  return {
    name: type,
    system,
    capabilities: [
      ...(isSource ? ['source'] : []),
      ...new Set(written),
      ...(webhook === undefined ? [] : ['webhooks']),
      ...(webhook?.alerts === undefined ? [] : ['alerts']),
    ],
    verifiedAgainst,
    guarantees: writes,
    streams: Object.keys(streams),
    needs: needsOf(connector),
  };
}

function needsOf({ open, mayOnlySend, connection, webhook, streams, streamsOf }: Connector): Needs {
  const address = { path: 'baseUrl', isOptional: mayOnlySend === true };
  const all: readonly SettingPath[] = [
    ...(open === undefined ? [] : [address]),
    ...settingPaths(connection),
    // Who only sends is nothing without its webhook.
    ...(webhook === undefined
      ? []
      : settingPaths(webhook.settings, ['webhook']).map(({ path, isOptional }) => ({
          path,
          isOptional: isOptional || open !== undefined || streamsOf !== undefined,
        }))),
  ];
  const named = (isOptional: boolean) =>
    all.filter((one) => one.isOptional === isOptional).map(({ path }) => path);
  const permissions = Object.values(streams).flatMap(({ scope }) => (scope === undefined ? [] : [scope]));
  return { settings: named(false), optional: named(true), permissions: [...new Set(permissions)] };
}

export function guaranteeWords(guarantees: readonly Guarantee[]): string {
  return guarantees.map((one) => one.replaceAll('_', ' ')).join(' or ');
}
