import { type Alert, severityOf } from '../../domain/alert.js';
import { instantAt, textAt, textsAt, valueAt } from '../hooks/content.js';

/** Which of an alert's labels says what is concerned: the first that it has. */
const serviceLabels = ['service', 'app', 'job', 'instance'];

/**
 * The alerts of a notification, version 4. Each has its own state: that of the group says less. Unknown members are
 * newer builds' and are passed over; an alert without a time or a fingerprint is none.
 * https://prometheus.io/docs/alerting/latest/notifications/
 */
export function alertmanagerAlerts(content: unknown): Alert[] {
  const alerts = valueAt(content, 'alerts');
  return Array.isArray(alerts) ? alerts.flatMap((one) => alertOf(one) ?? []) : [];
}

function alertOf(one: unknown): Alert | null {
  const labels = textsAt(one, 'labels');
  const startsAt = instantAt(one, 'startsAt');
  const name = labels['alertname'] ?? 'alert';
  const fingerprint = textAt(one, 'fingerprint') ?? (JSON.stringify(Object.entries(labels).sort()) || null);
  if (startsAt === null || fingerprint === null) return null;
  const status = textAt(one, 'status') === 'resolved' ? 'resolved' : 'firing';
  const annotations = textsAt(one, 'annotations');
  const service = serviceLabels.map((label) => labels[label]).find((value) => value !== undefined) ?? null;
  return {
    fingerprint,
    status,
    severity: severityOf(labels['severity'] ?? null),
    service,
    name,
    title: annotations['summary'] ?? annotations['description'] ?? name,
    labels,
    startsAt,
    // The end of one that fires is in the year 1, or when it will be taken for ended.
    at: status === 'resolved' ? (instantAt(one, 'endsAt') ?? startsAt) : startsAt,
    url: textAt(one, 'generatorURL'),
  };
}
