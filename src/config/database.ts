import { Secret } from '../domain/secret.js';
import { BatonError } from '../protocol/errors.js';
import { environmentOf, resolveSecret } from './secrets.js';
import type { BatonConfig, DatabaseConfig } from './types.js';

/**
 * The full address of a database with its password, for the driver only. What the address lacks comes from
 * PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE and PGSSLMODE.
 */
export function databaseUrl(database: DatabaseConfig, config: BatonConfig): Secret {
  const environment = environmentOf(config);
  const url = new URL(database.url);
  url.hostname ||= environment['PGHOST'] || '127.0.0.1';
  url.port ||= environment['PGPORT'] ?? '';
  url.username ||= encodeURIComponent(environment['PGUSER'] ?? '');
  if (url.pathname === '' || url.pathname === '/') url.pathname = `/${environment['PGDATABASE'] ?? ''}`;
  const sslMode = environment['PGSSLMODE'];
  if (sslMode && !url.searchParams.has('sslmode')) url.searchParams.set('sslmode', sslMode);
  const password = passwordOf(database, config);
  if (password !== null) url.password = encodeURIComponent(password.reveal());
  return new Secret(url.toString());
}

/** The configured password; PGPASSWORD when there is none, or when it cannot be resolved here. */
function passwordOf(database: DatabaseConfig, config: BatonConfig): Secret | null {
  const customary = environmentOf(config)['PGPASSWORD'];
  const fallback = customary ? new Secret(customary) : null;
  if (database.password === undefined) return fallback;
  try {
    return resolveSecret(database.password, config);
  } catch (error) {
    if (fallback !== null && error instanceof BatonError) return fallback;
    throw error;
  }
}
