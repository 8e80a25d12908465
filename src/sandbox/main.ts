/**
 * The sandbox as a process. Environment: BATON_SANDBOX_PORT (4100), BATON_SANDBOX_HOST (127.0.0.1),
 * BATON_SANDBOX_RECORDS (3000), BATON_SANDBOX_STATE_DIR (in memory), BATON_SANDBOX_LIVE (`true` or `false`), and
 * the credentials that it accepts: COUPA_CLIENT_SECRET, ZENDESK_API_TOKEN, SALESFORCE_CLIENT_SECRET,
 * SLACK_BOT_TOKEN. Prints one JSON line when it is ready; ends on SIGTERM or SIGINT.
 */
import type { SandboxOptions } from './options.js';
import { startSandbox } from './sandbox.js';

function whole(name: string, fallback: number): number {
  const text = process.env[name] ?? '';
  if (text === '') return fallback;
  if (!/^\d+$/.test(text)) throw new Error(`${name} must be a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}

function secret(name: string): string {
  const value = process.env[name] ?? '';
  if (value === '')
    throw new Error(`${name} is not set: the sandbox accepts exactly the credentials it is given`);
  return value;
}

function optionsFromEnvironment(): SandboxOptions {
  const stateDir = process.env['BATON_SANDBOX_STATE_DIR'] ?? '';
  return {
    port: whole('BATON_SANDBOX_PORT', 4100),
    host: process.env['BATON_SANDBOX_HOST'] || '127.0.0.1',
    records: whole('BATON_SANDBOX_RECORDS', 3000),
    live: process.env['BATON_SANDBOX_LIVE'] === 'true',
    ...(stateDir === '' ? {} : { stateDir }),
    secrets: {
      coupaClientSecret: secret('COUPA_CLIENT_SECRET'),
      zendeskApiToken: secret('ZENDESK_API_TOKEN'),
      salesforceClientSecret: secret('SALESFORCE_CLIENT_SECRET'),
      slackBotToken: secret('SLACK_BOT_TOKEN'),
    },
  };
}

try {
  const sandbox = await startSandbox(optionsFromEnvironment());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void sandbox.close().finally(() => process.exit(0)));
  }
  process.stdout.write(`${JSON.stringify({ ready: true, port: sandbox.port })}\n`);
} catch (error) {
  process.stderr.write(`sandbox: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
