import type { InboxRow } from '../../control/inbox.js';
import type { Alert } from '../../domain/alert.js';
import type { ConsumerName } from '../../domain/event.js';
import type { TriageSettings } from '../../domain/triage.js';
import type { Consumer } from '../consumer.js';
import { files } from './files.js';
import { type FulfilSettings, fulfilConsumer } from './fulfil.js';
import { run } from './run.js';
import { triageConsumer } from './triage.js';

/** What consumers are made of. */
export interface ConsumerDeps {
  readonly triage: TriageSettings;
  readonly fulfil: FulfilSettings;
  /** What an event holds; throws where it is no JSON. */
  readonly contentOf: (event: InboxRow) => unknown;
  /** The alerts that an event tells of; none of a sender that is no monitoring. */
  readonly alertsOf: (event: InboxRow) => readonly Alert[];
}

/** Every consumer, by the name that rules give under `do`. */
export function createConsumers({
  triage,
  fulfil,
  contentOf,
  alertsOf,
}: ConsumerDeps): Readonly<Record<ConsumerName, Consumer>> {
  return { files, fulfil: fulfilConsumer(fulfil, contentOf), run, triage: triageConsumer(triage, alertsOf) };
}
