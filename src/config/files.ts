import type { FilesSettings } from '../connectors/files/settings.js';
import type { Connector } from '../connectors/port.js';
import { BatonError } from '../protocol/errors.js';
import { ownSettingsOf } from './connection.js';
import { bucketPlace, type LakePlace } from './lake.js';
import { placedPath } from './locate.js';
import type { BatonConfig } from './types.js';

/** The connections whose records come in files. */
export function fileConnections(config: BatonConfig): readonly string[] {
  return Object.entries(config.connections).flatMap(([name, { type }]) => (type === 'files' ? [name] : []));
}

/** Where a connection's files are, with its secrets in place, and what is to be done with them. Throws ERR_CONFIG_INVALID, ERR_SECRET_UNRESOLVED. */
export function filePlace(
  config: BatonConfig,
  name: string,
  connectors: Readonly<Record<string, Connector>>,
): { readonly place: LakePlace; readonly settings: FilesSettings } {
  if (config.connections[name]?.type !== 'files')
    throw new BatonError('ERR_CONFIG_INVALID', {
      detail: `Connection "${name}" is not of type files any more.`,
      where: `connections.${name}`,
      retryable: true,
    });
  const settings = ownSettingsOf(config, name, connectors) as FilesSettings;
  const { folder, bucket } = settings;
  if (folder !== undefined || bucket === undefined)
    return { place: { type: 'local', path: placedPath(folder ?? '', config) }, settings };
  return { place: bucketPlace({ ...settings, bucket }, config), settings };
}
