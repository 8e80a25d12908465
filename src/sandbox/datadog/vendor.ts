import type { SandboxClock } from '../clock.js';
import type { Journal } from '../journal.js';
import type { Settings } from '../settings.js';
import { sameSecret } from '../tokens.js';
import { type Answer, type Call, isObject, json, parseObject, type Vendor } from '../wire.js';
import { RateWindow } from '../zendesk/rate-window.js';

/** The API key that the pretended organisation knows. */
export const datadogKey = 'datadog-sandbox-api-key';

const mostSeriesBytes = 5_242_880;
/** Points of before, or of after, are dropped without a word. */
const oldestMs = 3_600_000;
const newestMs = 600_000;

export interface DatadogEvent {
  readonly id_str: string;
  readonly title: string;
  readonly text: string;
  readonly tags: readonly string[];
  readonly alert_type: string;
  readonly aggregation_key: string | null;
  readonly date_happened: number;
}

/** One point; another one of its metric, tags and second replaces it. */
export interface DatadogPoint {
  readonly metric: string;
  readonly type: number;
  readonly tags: readonly string[];
  readonly timestamp: number;
  readonly value: number;
}

export interface DatadogStore {
  readonly events: readonly DatadogEvent[];
  points(): readonly DatadogPoint[];
  addEvent(event: Omit<DatadogEvent, 'id_str'>): DatadogEvent;
  addPoints(points: readonly DatadogPoint[]): void;
}

export function createDatadogStore(journal: Journal): DatadogStore {
  const events: DatadogEvent[] = [];
  const points = new Map<string, DatadogPoint>();
  const putEvent = journal.register<DatadogEvent>('datadog.event', (event) => {
    events.push(event);
  });
  const putPoints = journal.register<readonly DatadogPoint[]>('datadog.points', (all) => {
    for (const point of all)
      points.set(JSON.stringify([point.metric, [...point.tags].sort(), point.timestamp]), point);
  });
  return {
    events,
    points: () => [...points.values()],
    addEvent(given) {
      // Neighbours there are one number in JavaScript.
      const event = { ...given, id_str: String(8_749_893_364_879_371_324n + BigInt(events.length)) };
      putEvent(event);
      return event;
    },
    addPoints: putPoints,
  };
}

const failed = (status: number, ...errors: string[]): Answer => json(status, { errors });
const textOf = (value: unknown) => (typeof value === 'string' ? value : '');
const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

/** https://docs.datadoghq.com/api/latest/: what monitoring sends there. */
export function createDatadog(store: DatadogStore, clock: SandboxClock, settings: Settings): Vendor {
  const requests = new RateWindow();

  function limits(limit: number, remaining: number, resetSeconds: number) {
    return {
      'x-ratelimit-limit': String(limit),
      'x-ratelimit-period': '60',
      'x-ratelimit-remaining': String(Math.max(0, remaining)),
      'x-ratelimit-reset': String(resetSeconds),
      'x-ratelimit-name': 'sandbox',
    };
  }

  function throttle(): Answer | null {
    const limit = settings.datadogPerMinute;
    if (limit === null) return null;
    const { remaining, resetSeconds } = requests.count(limit, Date.now());
    if (remaining >= 0) return null;
    return { ...tooMany, headers: { ...tooMany.headers, ...limits(limit, remaining, resetSeconds) } };
  }

  function postEvent(call: Call): Answer {
    const body = parseObject(call.body);
    const [title, text] = [textOf(body?.['title']), textOf(body?.['text'])];
    if (body === null) return failed(400, 'Payload is not in the expected format');
    if (title === '' || title.length > 100) return failed(400, 'Invalid title');
    if (text.length > 4_000) return failed(400, 'Invalid text');
    const key = body['aggregation_key'];
    if (key !== undefined && textOf(key).length > 100) return failed(400, 'Invalid aggregation_key');
    const event = store.addEvent({
      title,
      text,
      tags: textsOf(body['tags']),
      alert_type: textOf(body['alert_type']) || 'info',
      aggregation_key: typeof key === 'string' ? key : null,
      date_happened: Math.floor(clock.ms() / 1_000),
    });
    const { id_str, ...rest } = event;
    const shown = JSON.stringify({ id_str, ...rest, url: `/event/event?id=${id_str}` });
    // No number of JavaScript is this id.
    const answer = `{"status":"ok","event":{"id":${id_str},${shown.slice(1)}}`;
    return { ...json(202, null), body: answer };
  }

  function postSeries(call: Call): Answer {
    if (Buffer.byteLength(call.body) > mostSeriesBytes || Number(call.headers['content-length']) > 512_000)
      return failed(413, 'Payload too large');
    const series = parseObject(call.body)?.['series'];
    if (!Array.isArray(series) || series.length === 0)
      return failed(400, 'Payload is not in the expected format');
    const points: DatadogPoint[] = [];
    for (const one of series as unknown[]) {
      if (!isObject(one) || textOf(one['metric']) === '' || !Array.isArray(one['points']))
        return failed(400, 'Payload is not in the expected format');
      const { metric, type, tags } = one;
      for (const { timestamp, value } of one['points'] as { timestamp: number; value: number }[]) {
        if (!Number.isInteger(timestamp) || !Number.isFinite(value)) return failed(400, 'Invalid point');
        const aheadMs = timestamp * 1_000 - Date.now();
        if (aheadMs > newestMs || aheadMs < -oldestMs) continue;
        points.push({
          metric: textOf(metric),
          type: Number(type ?? 0),
          tags: textsOf(tags),
          timestamp,
          value,
        });
      }
    }
    store.addPoints(points);
    return json(202, { errors: [] });
  }

  return {
    name: 'datadog',
    routes: [
      { method: 'GET', path: '/api/v1/validate', handle: () => json(200, { valid: true }) },
      { method: 'POST', path: '/api/v1/events', handle: postEvent },
      { method: 'POST', path: '/api/v2/series', handle: postSeries },
    ],
    authenticate(call) {
      const given = call.headers['dd-api-key'];
      return typeof given === 'string' && sameSecret(given, datadogKey) ? null : failed(403, 'Forbidden');
    },
    throttle,
    refuse(status) {
      if (status === 401) return failed(403, 'Forbidden');
      if (status === 429) return { ...tooMany, headers: { ...tooMany.headers, ...limits(1, 0, 1) } };
      return failed(status, status === 404 ? 'Not found' : 'Request failed');
    },
  };
}

const tooMany = failed(429, 'Rate limit of 1 requests in 60 seconds reached');
