import type { Journal } from '../journal.js';
import type { Settings } from '../settings.js';
import { sameSecret } from '../tokens.js';
import { type Answer, type Call, isObject, json, parseObject, type Vendor } from '../wire.js';
import { RateWindow } from '../zendesk/rate-window.js';

/** The routing key that the pretended service knows. */
export const pagerdutyKey = 'pagerdutysandboxroutingkey000000';

const mostBytes = 512_000;
const severities = ['critical', 'error', 'warning', 'info'];

/** An alert: what is triggered with its key while it is open is folded into it. */
export interface PagerDutyAlert {
  readonly dedupKey: string;
  readonly status: 'triggered' | 'acknowledged' | 'resolved';
  readonly summary: string;
  readonly severity: string;
  readonly details: unknown;
  readonly triggers: number;
}

export interface PagerDutyStore {
  /** Oldest first; several of one key where it was triggered after it was resolved. */
  readonly alerts: readonly PagerDutyAlert[];
  put(change: { readonly at: number; readonly alert: PagerDutyAlert }): void;
}

export function createPagerDutyStore(journal: Journal): PagerDutyStore {
  const alerts: PagerDutyAlert[] = [];
  const put = journal.register<{ at: number; alert: PagerDutyAlert }>('pagerduty.alert', ({ at, alert }) => {
    alerts[at] = alert;
  });
  return { alerts, put };
}

const invalid = (...errors: string[]): Answer =>
  json(400, { status: 'invalid event', message: 'Event object is invalid', errors });

/** https://developer.pagerduty.com/docs/events-api-v2-overview: POST /v2/enqueue. */
export function createPagerDuty(store: PagerDutyStore, settings: Settings): Vendor {
  const perKey = new RateWindow();

  function trigger(dedupKey: string, event: Readonly<Record<string, unknown>>): Answer | null {
    const { payload } = event;
    if (!isObject(payload)) return invalid("'payload' is missing or blank");
    const { summary, source, severity, custom_details: details } = payload;
    if (typeof summary !== 'string' || summary === '')
      return invalid("'payload.summary' is missing or blank");
    if (summary.length > 1_024) return invalid("'payload.summary' is too long");
    if (typeof source !== 'string' || source === '') return invalid("'payload.source' is missing or blank");
    if (!severities.includes(String(severity))) return invalid("'payload.severity' is invalid");
    const open = openOf(dedupKey);
    const at = open === -1 ? store.alerts.length : open;
    const known = store.alerts[open];
    store.put({
      at,
      alert: {
        dedupKey,
        status: known?.status ?? 'triggered',
        summary,
        severity: String(severity),
        details,
        triggers: (known?.triggers ?? 0) + 1,
      },
    });
    return null;
  }

  const openOf = (dedupKey: string) =>
    store.alerts.findLastIndex((one) => one.dedupKey === dedupKey && one.status !== 'resolved');

  /** Of a key that nobody knows, or whose alert is over, this is dropped without a word. */
  function move(dedupKey: string, status: 'acknowledged' | 'resolved'): null {
    const at = openOf(dedupKey);
    const alert = store.alerts[at];
    if (alert !== undefined) store.put({ at, alert: { ...alert, status } });
    return null;
  }

  function enqueue(call: Call): Answer {
    if (Buffer.byteLength(call.body) > mostBytes) return json(413, { message: 'Payload too large' });
    const event = parseObject(call.body);
    if (event === null) return invalid('JSON is not valid');
    const { routing_key: key, event_action: action, dedup_key: given } = event;
    if (!sameSecret(String(key), pagerdutyKey)) return invalid("'routing_key' is invalid");
    if (typeof given === 'string' && given.length > 255) return invalid("'dedup_key' is too long");
    const dedupKey = typeof given === 'string' && given !== '' ? given : `made-${store.alerts.length}`;
    const wrong =
      action === 'trigger'
        ? trigger(dedupKey, event)
        : action === 'acknowledge'
          ? move(dedupKey, 'acknowledged')
          : action === 'resolve'
            ? move(dedupKey, 'resolved')
            : invalid("'event_action' is invalid");
    return wrong ?? json(202, { status: 'success', message: 'Event processed', dedup_key: dedupKey });
  }

  return {
    name: 'pagerduty',
    routes: [
      { method: 'POST', path: '/v2/enqueue', handle: enqueue },
      { method: 'GET', path: '/', open: true, handle: () => json(404, { message: 'Not Found' }) },
    ],
    // The key is in the body.
    authenticate: () => null,
    throttle() {
      const limit = settings.pagerdutyPerMinute;
      if (limit === null || perKey.count(limit, Date.now()).remaining >= 0) return null;
      return json(429, {
        status: 'throttle exceeded',
        message: 'Requests for this service are arriving too quickly.',
      });
    },
    refuse: (status) => json(status, { status: 'error', message: `it was answered ${status}` }),
  };
}
