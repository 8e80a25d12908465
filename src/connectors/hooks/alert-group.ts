import { type Alert, severityOf } from '../../domain/alert.js';
import type { Delivery } from '../webhook.js';
import { firstOf, idAt, instantAt, textAt, textsAt, valueAt } from './content.js';

/** Which of an alert's labels says what is concerned: the first that it has. */
const serviceLabels = ['service', 'app', 'job', 'instance'];

/** Grafana fires these in the place of a rule that it cannot evaluate; the rule is their label `rulename`. */
const standIns: ReadonlySet<string> = new Set(['DatasourceError', 'DatasourceNoData']);

/**
 * The alerts of a notification of Alertmanager, version 4, or of Grafana, whose format is the same with more members.
 * Each has its own state: that of the group says less. Unknown members are newer builds' and are passed over; an alert
 * without a time or a fingerprint is none. Those that did not fit into the notification are counted only.
 * https://prometheus.io/docs/alerting/latest/notifications/
 * https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
 */
export function groupedAlerts(content: unknown): Alert[] {
  const alerts = valueAt(content, 'alerts');
  const truncated = Number(valueAt(content, 'truncatedAlerts'));
  const leftOut = Number.isSafeInteger(truncated) && truncated > 0 ? truncated : 0;
  return Array.isArray(alerts) ? alerts.flatMap((one) => alertOf(one, leftOut) ?? []) : [];
}

/** Such a notification has no id: the same content is the same event for as long as a failed one is sent again. */
export function describeGroup(_: unknown, content: unknown): Delivery {
  const type = idAt(content, 'status') ?? 'alert';
  return { id: null, type, subject: idAt(content, 'groupKey'), occurredAt: null };
}

function alertOf(one: unknown, leftOut: number): Alert | null {
  const labels = textsAt(one, 'labels');
  const startsAt = instantAt(one, 'startsAt');
  const said = labels['alertname'] ?? 'alert';
  const name = standIns.has(said) ? (labels['rulename'] ?? said) : said;
  const fingerprint = textAt(one, 'fingerprint') ?? (JSON.stringify(Object.entries(labels).sort()) || null);
  if (startsAt === null || fingerprint === null) return null;
  const status = textAt(one, 'status') === 'resolved' ? 'resolved' : 'firing';
  const annotations = textsAt(one, 'annotations');
  const service = serviceLabels.map((label) => labels[label]).find((value) => value !== undefined) ?? null;
  const title = annotations['summary'] ?? annotations['description'] ?? name;
  return {
    fingerprint,
    status,
    severity: severityOf(labels['severity'] ?? null),
    service,
    name,
    title: name === said ? title : `${title} (${said})`,
    labels,
    startsAt,
    // The end of one that fires is in the year 1, or when it will be taken for ended.
    at: status === 'resolved' ? (instantAt(one, 'endsAt') ?? startsAt) : startsAt,
    url: firstOf(textAt(one, 'generatorURL'), textAt(one, 'panelURL'), textAt(one, 'dashboardURL')),
    ...(leftOut > 0 ? { leftOut } : {}),
  };
}
