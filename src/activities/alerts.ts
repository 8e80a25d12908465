import type { Message } from '../connectors/port.js';
import type { ActivityDeps, AlertTarget } from './ports.js';

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

/** Stores one message per target as an intent and rings the drainers: once per cause, action and ordinal. */
export async function sendAlerts(
  deps: ActivityDeps,
  targets: readonly AlertTarget[],
  alert: Alert,
): Promise<void> {
  for (const target of targets) {
    const { notifier } = deps.connections.open(target.connection);
    if (notifier === undefined) {
      deps.log.warn({ connection: target.connection }, 'alert target cannot be sent messages');
      continue;
    }
    const body: Message = {
      kind: 'message',
      channel: target.channel,
      title: alert.title,
      text: alert.text,
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
}
