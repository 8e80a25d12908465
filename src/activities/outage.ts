import { activityInfo } from '@temporalio/activity';
import type { Outage } from '../connectors/gate.js';
import type { OpenConnection } from '../connectors/port.js';
import type { RequestClass } from '../control/budgets.js';
import { BatonError } from '../protocol/errors.js';
import { type AlertDeps, sendAlerts } from './alerts.js';
import type { ActivityDeps } from './ports.js';

/** What comes through a bulk queue is backfill: it takes what live work leaves. */
export function requestClass(): RequestClass {
  return activityInfo().taskQueue.endsWith('-bulk') ? 'backfill' : 'live';
}

/** The outage that keeps a connection from being asked; null when it is not known to be down, or cannot be told. */
export function outageOf(connection: OpenConnection): Promise<Outage | null> {
  return connection.http.gate.outage().catch(() => null);
}

/** What a step that cannot go on meanwhile throws: it gives its slot back until the next probe and uses up no retry. */
export function heldBack(connection: string, outage: Outage): BatonError {
  const seconds = Math.ceil(outage.waitMs / 1000);
  const why = outage.error === null ? '' : ` (${outage.error})`;
  return new BatonError('ERR_BREAKER_OPEN', {
    detail: `${connection} is down${why}: requests are held back, and it is asked again in ${seconds} s.`,
    retryAfterMs: Math.ceil(outage.waitMs * (1 + Math.random() * 0.1) + Math.random() * 250),
  });
}

/**
 * One alert per outage, whoever notices it first and however often: its tenant is the one that the first alert of
 * this outage was for, and the ledger takes each key once.
 */
export async function alertOutage(
  deps: AlertDeps & Pick<ActivityDeps, 'budgets' | 'alerts'>,
  connection: string,
  outage: Outage,
  run: { readonly runId: string; readonly tenant: string },
): Promise<void> {
  const first = await deps.budgets.claimAlert(connection, outage.number, run).catch(() => null);
  if (first === null) return;
  await sendAlerts(deps, deps.alerts.on_failure, {
    ...first,
    cause: `outage:${connection}`,
    action: 'down',
    ordinal: String(outage.number),
    severity: 'critical',
    title: `${connection} is down`,
    text: [
      outage.error ?? 'It does not answer.',
      'Requests to it are held back; what waits goes on by itself when it is back, and no run fails of it.',
    ].join('\n'),
    fields: [{ name: 'Since', value: outage.since.toISOString() }],
  });
}
