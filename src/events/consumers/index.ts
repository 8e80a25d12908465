import type { InboxRow } from '../../control/inbox.js';
import type { Alert } from '../../domain/alert.js';
import type { ConsumerName } from '../../domain/event.js';
import type { TriageSettings } from '../../domain/triage.js';
import type { Consumer } from '../consumer.js';
import { files } from './files.js';
import { run } from './run.js';
import { triageConsumer } from './triage.js';

/** What consumers are made of. */
export interface ConsumerDeps {
  readonly triage: TriageSettings;
  /** The alerts that an event tells of; none of a sender that is no monitoring. */
  readonly alertsOf: (event: InboxRow) => readonly Alert[];
}

/** Every consumer, by the name that rules give under `do`. */
export function createConsumers({
  triage,
  alertsOf,
}: ConsumerDeps): Readonly<Record<ConsumerName, Consumer>> {
  return { files, run, triage: triageConsumer(triage, alertsOf) };
}
