import { randomBytes } from 'node:crypto';
import {
  type AlertTarget,
  type BatonConfig,
  resolveConnection,
  unknownConnection,
} from '../../config/index.js';
import type { Message, SendOutcome } from '../../connectors/port.js';
import { connectors } from '../../connectors/registry.js';
import { redact } from '../../domain/secret.js';
import { BatonError } from '../../protocol/errors.js';
import type { Cli, Handler } from '../context.js';
import { asBatonError } from '../render/failure.js';
import { one } from '../render/result.js';

interface Sent {
  readonly connection: string;
  readonly channel: string;
  /** What is, or would be, sent. */
  readonly message: unknown;
  /** Null when nothing was sent. */
  readonly outcome: SendOutcome | null;
  readonly error: string | null;
}

/** One test message for each place; exit code 4 when one does not take it. With `--dry-run` nothing is sent. */
export const sendTestAlerts: Handler = async (cli, [connection], options) => {
  const channel = typeof options['channel'] === 'string' ? options['channel'] : undefined;
  const targets = targetsOf(await cli.config(), connection, channel);
  const sent: Sent[] = [];
  for (const target of targets) sent.push(await sendOne(cli, target, options['dryRun'] === true));
  const none =
    'Nobody is told of anything: set alerts or triage.notify in baton.yaml, or name a connection.\n';
  const result = one(sent, () => (sent.length === 0 ? none : sent.map(describe).join('\n')));
  const failed = sent.find(({ error }) => error !== null);
  if (failed === undefined) return { result };
  const detail = `"${failed.connection}" did not take the message: ${failed.error}`;
  return { result, error: new BatonError('ERR_CONNECTION_TEST_FAILED', { detail }) };
};

/** Each place once, of runs and of incidents. Throws ERR_UNKNOWN_NAME. */
function targetsOf(
  config: BatonConfig,
  connection: string | undefined,
  channel: string | undefined,
): readonly AlertTarget[] {
  if (connection !== undefined && config.connections[connection] === undefined)
    throw unknownConnection(connection, config);
  const { notify, escalate = [] } = config.triage ?? {};
  const others = escalate.map(({ afterMs: _, ...target }) => target);
  const told = [...Object.values(config.alerts).flat(), ...(notify === undefined ? [] : [notify]), ...others];
  const chosen = told.filter((target) => connection === undefined || target.connection === connection);
  // A connection that nothing names yet can be tried too.
  const all = chosen.length === 0 && connection !== undefined ? [{ connection, channel: 'test' }] : chosen;
  const moved = all.map((target) => ({ ...target, channel: channel ?? target.channel }));
  return [...new Map(moved.map((target) => [JSON.stringify(target), target])).values()];
}

async function sendOne(cli: Cli, { connection, channel }: AlertTarget, isDry: boolean): Promise<Sent> {
  const nothing = { connection, channel, message: null, outcome: null };
  try {
    const config = await cli.config();
    const resolved = resolveConnection(config, connection, connectors);
    const open = connectors[resolved.type]?.open?.(resolved);
    cli.onClose(async () => open?.close());
    const notifier = open?.notifier;
    if (notifier === undefined) return { ...nothing, error: `${resolved.type} takes no messages` };
    const marker = `btn-${randomBytes(10).toString('hex')}`;
    const body = example(channel);
    const message = masked(notifier.preview(body, marker));
    if (isDry) return { ...nothing, message, error: null };
    const request = { key: `default/alerts-send/test/${marker}`, marker, firstSentAt: null, body };
    const signal = AbortSignal.timeout(cli.settings.timeoutMs ?? 30_000);
    const outcome = await notifier.send.send(request, signal);
    return { ...nothing, message, outcome, error: outcome.kind === 'confirmed' ? null : outcome.reason };
  } catch (error) {
    return { ...nothing, error: redact(asBatonError(error).message) };
  }
}

/** Says that it is a test, and holds what is apt to be escaped badly. */
function example(channel: string): Message {
  return {
    kind: 'message',
    channel,
    title: 'Test: po_data_pipeline failed',
    text: 'This is a test, nothing has failed. <b>Marks</b> & *signs* such as _these_ stand as they are.',
    severity: 'info',
    fields: [{ name: 'Step', value: 'load_po <staging.po_temp>' }],
    links: [{ label: 'A link', url: 'https://example.com/?a=1&b=2' }],
  };
}

/** As JSON shows it: a `Secret` as `[secret]`, and every other known secret in a text too. */
function masked(message: unknown): unknown {
  return JSON.parse(
    JSON.stringify(message, (_, value) => (typeof value === 'string' ? redact(value) : value)),
  );
}

function describe({ connection, channel, message, outcome, error }: Sent): string {
  const state = error ?? (outcome === null ? 'not sent (--dry-run)' : 'sent');
  return `${error === null ? '✓' : '✗'} ${connection} ${channel}: ${state}\n${message === null ? '' : `${JSON.stringify(message, null, 2)}\n`}`;
}
