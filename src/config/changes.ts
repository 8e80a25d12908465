import type { Connector } from '../connectors/port.js';
import type { PostgresSettings } from '../connectors/postgres/index.js';
import type { Secret } from '../domain/secret.js';
import { ownSettingsOf } from './connection.js';
import { databaseUrl } from './database.js';
import { tenantOf } from './tenants.js';
import type { BatonConfig } from './types.js';

/** A database whose changes are followed, as baton.yaml has it. */
export interface ChangePlace {
  readonly connection: string;
  readonly tenant: string;
  /** With its password. */
  readonly url: Secret;
  readonly publication: string;
  readonly slot: string;
  readonly snapshot: boolean;
}

/** The connections whose changes are followed. */
export function changeConnections(config: BatonConfig): readonly string[] {
  return Object.entries(config.connections).flatMap(([name, { type }]) =>
    type === 'postgres' ? [name] : [],
  );
}

/** Throws ERR_CONFIG_INVALID, ERR_SECRET_UNRESOLVED. */
export function changePlace(
  config: BatonConfig,
  connection: string,
  connectors: Readonly<Record<string, Connector>>,
): ChangePlace {
  const { url, password, ...rest } = ownSettingsOf(config, connection, connectors) as PostgresSettings;
  return {
    ...rest,
    connection,
    tenant: tenantOf(config, connection),
    url: databaseUrl({ url, ...(password === undefined ? {} : { password }) }, config),
  };
}
