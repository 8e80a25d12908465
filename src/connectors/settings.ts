import { z } from 'zod';
import { Secret } from '../domain/secret.js';
import { BatonError } from '../protocol/errors.js';
import type { ResolvedConnection } from './port.js';

export type SettingValue = string | Secret;

const secretMessage =
  'must be a reference to a secret (secret://env/NAME, secret://file/path, secret://vault/mount/path#field, secret://aws/name#field or secret://gcp/project/name#field), never the secret itself';

/** A secret as it stands in baton.yaml: a reference. */
export const secretReference = z
  .string({ error: secretMessage })
  .regex(/^secret:\/\/[a-z-]+\/.+/, { error: secretMessage });

/** A plain setting such as a client id. */
export const plainText = z.string({ error: 'must be text' }).min(1, { error: 'must not be empty' });

/** The text of a setting at a path such as `auth.clientId`. */
export function textSetting(connection: ResolvedConnection, path: string): string {
  const value = settingAt(connection, path);
  if (typeof value === 'string') return value;
  throw missing(connection, path);
}

/** The secret at a path such as `auth.clientSecret`, resolved. */
export function secretSetting(connection: ResolvedConnection, path: string): Secret {
  const value = settingAt(connection, path);
  if (value instanceof Secret) return value;
  throw missing(connection, path);
}

/** The text at a path, or undefined when it was not configured. */
export function optionalSetting(connection: ResolvedConnection, path: string): string | undefined {
  const value = settingAt(connection, path);
  return typeof value === 'string' ? value : undefined;
}

/** A setting's value, secret or not. */
export function readSetting(value: SettingValue): string {
  return value instanceof Secret ? value.reveal() : value;
}

function settingAt(connection: ResolvedConnection, path: string): unknown {
  let value: unknown = connection.settings;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function missing(connection: ResolvedConnection, path: string): BatonError {
  return new BatonError('ERR_CONFIG_INVALID', {
    detail: `connections.${connection.name}.${path} is missing`,
  });
}
