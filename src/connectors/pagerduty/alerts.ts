import { type Alert, severityOf } from '../../domain/alert.js';
import { firstOf, idAt, instantAt, textAt, valueAt } from '../hooks/content.js';

/**
 * The alert in an event of PagerDuty: an incident there, which fires from its creation until it is resolved, whoever has
 * acknowledged it. Notes, responders and services tell of no alert.
 * https://developer.pagerduty.com/docs/webhooks-overview
 */
export function pagerdutyAlerts(content: unknown): Alert[] {
  const incident = valueAt(content, 'event', 'data');
  const id = idAt(incident, 'id');
  const happened = textAt(content, 'event', 'event_type') ?? '';
  const at = instantAt(content, 'event', 'occurred_at');
  if (textAt(incident, 'type') !== 'incident' || id === null || at === null) return [];
  const title = textAt(incident, 'title') ?? id;
  const service = textAt(incident, 'service', 'summary');
  const urgency = textAt(incident, 'urgency');
  const priority = textAt(incident, 'priority', 'summary');
  const key = textAt(incident, 'incident_key');
  const createdAt = instantAt(incident, 'created_at') ?? at;
  return [
    {
      fingerprint: id,
      status:
        firstOf(textAt(incident, 'status'), happened.split('.')[1] ?? null) === 'resolved'
          ? 'resolved'
          : 'firing',
      // `P1` is a word that we know; one of the customer's own leaves it to the urgency, high or low.
      severity: severityOf(priority !== null && /^p[1-5]$/i.test(priority) ? priority : urgency),
      service,
      name: title,
      title,
      labels: {
        ...(service === null ? {} : { service }),
        ...(urgency === null ? {} : { urgency }),
        ...(priority === null ? {} : { priority }),
        ...(key === null ? {} : { incident_key: key }),
      },
      // One that is opened again is another occurrence of the same incident.
      startsAt: happened === 'incident.reopened' ? at : createdAt,
      at,
      url: textAt(incident, 'html_url'),
    },
  ];
}
