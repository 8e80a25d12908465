import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** The demo's own secrets: what the sandboxes accept and sign with, and the embedded PostgreSQL's password. */
export const secretNames = [
  'COUPA_CLIENT_SECRET',
  'ZENDESK_API_TOKEN',
  'COUPA_WEBHOOK_SECRET',
  'ZENDESK_WEBHOOK_SECRET',
  'ALERTMANAGER_SECRET',
  'POS_SECRET',
  'SALESFORCE_CLIENT_SECRET',
  'SLACK_BOT_TOKEN',
  'BATON_PG_PASSWORD',
] as const;

export type LocalSecrets = Readonly<Record<(typeof secretNames)[number], string>>;

/** Reads `.baton/secrets.env`, adding a random value for each name that it lacks. Mode 0600. */
export function keepSecrets(file: string): LocalSecrets {
  const known = readSecrets(file);
  const missing = secretNames.filter((name) => known.get(name) === undefined);
  if (missing.length > 0) {
    for (const name of missing) known.set(name, randomBytes(24).toString('base64url'));
    const text = [...known].map(([name, value]) => `${name}=${value}\n`).join('');
    writeFileSync(`${file}.${process.pid}`, text, { mode: 0o600 });
    renameSync(`${file}.${process.pid}`, file);
  }
  return Object.fromEntries(known) as Record<(typeof secretNames)[number], string>;
}

function readSecrets(file: string): Map<string, string> {
  const known = new Map<string, string>();
  for (const line of readOrEmpty(file).split('\n')) {
    const at = line.indexOf('=');
    if (at > 0 && !line.startsWith('#')) known.set(line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  return known;
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
