import type { Message } from '../connectors/port.js';
import { redact } from '../domain/secret.js';
import { BatonError } from '../protocol/errors.js';
import type { ActivityDeps, AlertTarget } from './ports.js';

/** What an alert needs of a worker. */
export type AlertDeps = Pick<ActivityDeps, 'log' | 'connections' | 'effects' | 'orchestrator' | 'runUrl'>;

export interface Alert {
  readonly runId: string;
  readonly tenant: string;
  readonly cause: string;
  readonly action: string;
  readonly ordinal: string;
  readonly severity: Message['severity'];
  readonly title: string;
  readonly text: string;
  readonly fields?: Message['fields'];
}

/**
 * Stores one message per target as an intent and rings the drainers: once per cause, action and ordinal. An alert
 * never fails what it reports on: a target that cannot be used is logged; with `must`, a failure that passes is thrown.
 */
export async function sendAlerts(
  deps: AlertDeps,
  targets: readonly AlertTarget[],
  alert: Alert,
  must = false,
): Promise<void> {
  for (const target of targets)
    try {
      await sendAlert(deps, target, alert);
    } catch (error) {
      const passing = !(error instanceof BatonError) || error.retryable;
      if (must && passing) throw error;
      const detail = error instanceof Error ? error.message : String(error);
      deps.log.warn({ connection: target.connection, action: alert.action, detail }, 'alert not sent');
    }
}

async function sendAlert(deps: AlertDeps, target: AlertTarget, alert: Alert): Promise<void> {
  const { notifier } = deps.connections.open(target.connection);
  if (notifier === undefined)
    throw new BatonError('ERR_PLAN_INVALID', {
      detail: `Connection ${target.connection} cannot send messages.`,
    });
  const body: Message = {
    kind: 'message',
    channel: target.channel,
    title: alert.title,
    text: redact(alert.text),
    severity: alert.severity,
    fields: alert.fields ?? [],
    links: [{ label: 'Open the run', url: deps.runUrl(alert.runId) }],
  };
  await deps.effects.intend([
    {
      tenant: alert.tenant,
      cause: alert.cause,
      action: `${alert.action}@${target.connection}:${target.channel}`,
      ordinal: alert.ordinal,
      episode: 1,
      connection: target.connection,
      kind: 'message.send',
      guarantee: notifier.send.guarantee,
      body,
      runId: alert.runId,
    },
  ]);
  await deps.orchestrator.wakeDrain(target.connection, alert.tenant);
}
