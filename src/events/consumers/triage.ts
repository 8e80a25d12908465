import type { Bell } from '../../control/bells.js';
import type { InboxRow, Outcome } from '../../control/inbox.js';
import {
  type IncidentRow,
  incidentBell,
  incidentId,
  latestIncidents,
  type NewDecision,
  storeIncidents,
} from '../../control/incidents.js';
import type { Alert } from '../../domain/alert.js';
import {
  causeOf,
  type Decision,
  type Incident,
  ignoredBy,
  type TriageSettings,
  triage,
} from '../../domain/triage.js';
import type { Consumer } from '../consumer.js';

interface Told {
  readonly event: InboxRow;
  readonly alert: Alert;
}

/** What somebody needs to hear of. */
const newsworthy: ReadonlySet<Decision['kind']> = new Set(['opened', 'joined', 'recurred', 'resolved']);

/** An incident while alerts are being handled. */
interface Open {
  readonly connection: string;
  incident: Incident;
  isVisible: boolean;
  /** Whether anybody needs to hear of what has changed. */
  isNews: boolean;
}

/**
 * Turns alerts into incidents: all that wait, in one transaction. A delivery may tell of many alerts, and many of them
 * of one incident; whose something is news is rung once.
 */
export function triageConsumer(
  settings: TriageSettings,
  alertsOf: (event: InboxRow) => readonly Alert[],
): Consumer {
  return {
    most: 500,
    async handle(events, { trx }) {
      const [first] = events;
      if (first === undefined) return { outcomes: [], bells: [] };
      const { tenant } = first;
      const told = events.flatMap((event) => alertsOf(event).map((alert): Told => ({ event, alert })));
      const ignored = told.map(({ alert }) => ignoredBy(alert, settings));
      const causes = told.flatMap(({ alert }, at) =>
        ignored[at] === null ? [causeOf(alert, settings)] : [],
      );
      const latest = await latestIncidents(trx, tenant, [...new Set(causes)]);
      const work = new Work(tenant, latest, settings);
      for (const [at, one] of told.entries()) work.take(one, ignored[at] ?? null);
      await storeIncidents(trx, tenant, work.changed(), work.decisions);
      return { outcomes: events.map((event) => work.outcomeOf(event)), bells: work.bells() };
    },
  };
}

class Work {
  readonly decisions: NewDecision[] = [];
  readonly #tenant: string;
  readonly #settings: TriageSettings;
  readonly #now = new Date().toISOString();
  readonly #before: ReadonlyMap<string, IncidentRow>;
  /** The latest of each cause, and those before it that were over when it was opened. */
  readonly #open = new Map<string, Open>();
  readonly #over: Open[] = [];
  readonly #byEvent = new Map<string, { readonly decision: Decision; readonly incident: string | null }[]>();

  constructor(tenant: string, before: ReadonlyMap<string, IncidentRow>, settings: TriageSettings) {
    this.#tenant = tenant;
    this.#before = before;
    this.#settings = settings;
  }

  take({ event, alert }: Told, ignored: string | null): void {
    if (ignored !== null) {
      this.#note(event, alert, null, {
        kind: 'ignored',
        rule: ignored,
        why: `the rule ${ignored} ignores it`,
      });
      return;
    }
    const cause = causeOf(alert, this.#settings);
    const open = this.#openOf(cause);
    const { incident, decision } = triage(open?.incident ?? null, alert, this.#settings, this.#now);
    if (incident !== null) this.#put(cause, event, open, incident, decision);
    const id = incident === null ? null : incidentId(this.#tenant, cause, incident.episode);
    this.#note(event, alert, id, decision);
  }

  #openOf(cause: string): Open | undefined {
    const known = this.#open.get(cause);
    const before = this.#before.get(cause);
    if (known !== undefined || before === undefined) return known;
    const { connection, incident, is_visible: isVisible } = before;
    return { connection, incident, isVisible, isNews: false };
  }

  #put(cause: string, event: InboxRow, open: Open | undefined, incident: Incident, { kind }: Decision): void {
    const leavesOut =
      open !== undefined && open.incident.leftOut === undefined && incident.leftOut !== undefined;
    const isNews = newsworthy.has(kind) || leavesOut;
    if (open === undefined || open.incident.episode !== incident.episode) {
      if (open !== undefined) this.#over.push(this.#ended(open));
      this.#open.set(cause, { connection: event.connection, incident, isVisible: isNews, isNews });
      return;
    }
    this.#open.set(cause, { ...open, incident, isVisible: open.isVisible, isNews: open.isNews || isNews });
  }

  /** What gave way to another incident of its cause has ended, also when nobody said so. */
  #ended(open: Open): Open {
    if (open.incident.state === 'resolved') return open;
    const incident: Incident = { ...open.incident, state: 'resolved', resolvedAt: open.incident.lastAlertAt };
    return { ...open, incident, isNews: true };
  }

  #note(event: InboxRow, alert: Alert, incident: string | null, decision: Decision): void {
    const { event_id } = event;
    const { fingerprint, title } = alert;
    // Repetitions are counted by their event: a row for each would say nothing more.
    if (decision.kind !== 'repeated')
      this.decisions.push({ event_id, fingerprint, title, incidentId: incident, decision });
    this.#byEvent.set(event.id, [...(this.#byEvent.get(event.id) ?? []), { decision, incident }]);
  }

  outcomeOf(event: InboxRow): Outcome {
    const all = this.#byEvent.get(event.id) ?? [];
    const { id } = event;
    if (all.length === 0) return { id, state: 'filtered', by: 'it tells of no alert' };
    const incidents = [...new Set(all.flatMap(({ incident }) => incident ?? []))];
    if (incidents.length > 0)
      return { id, state: 'processed', by: incidents.slice(0, 5).join(', ') + more(incidents.length - 5) };
    const rules = [...new Set(all.flatMap(({ decision }) => decision.rule ?? decision.why))];
    return { id, state: 'filtered', by: rules.join(', ') };
  }

  changed() {
    return [...this.#over, ...this.#open.values()];
  }

  bells(): Bell[] {
    return this.changed()
      .filter(({ isNews, isVisible }) => isNews && isVisible)
      .map(({ incident }) => incidentBell(incidentId(this.#tenant, incident.cause, incident.episode)));
  }
}

function more(count: number): string {
  return count > 0 ? ` and ${count} more` : '';
}
