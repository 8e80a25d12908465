import type { SandboxClock } from '../clock.js';
import type { Journal } from '../journal.js';

/** Something that a company's own service was asked to do. */
export interface ServiceRecord {
  readonly id: string;
  /** `inventory/allocations`. */
  readonly place: string;
  /** The Idempotency-Key that it was asked with. */
  readonly key: string;
  readonly body: unknown;
  readonly createdAt: string;
  /** What was asked of it afterwards, in order: `release`. */
  readonly commands: readonly { readonly name: string; readonly key: string; readonly at: string }[];
}

export interface ServiceStore {
  readonly records: readonly ServiceRecord[];
  /** The record of that key, or a new one. */
  create(place: string, key: string, body: unknown): ServiceRecord;
  /** Null when there is no such record. A key that was seen changes nothing. */
  command(place: string, id: string, name: string, key: string): ServiceRecord | null;
}

/** The company's own services: inventory, suppliers' portal, ledger. */
export function createServiceStore(journal: Journal, clock: SandboxClock): ServiceStore {
  const records: ServiceRecord[] = [];
  const put = journal.register<ServiceRecord>('services.record', (record) => {
    const at = records.findIndex(({ id }) => id === record.id);
    if (at === -1) records.push(record);
    else records[at] = record;
  });
  const find = (wanted: (record: ServiceRecord) => boolean) => records.find(wanted);
  return {
    records,
    create(place, key, body) {
      const known = find((record) => record.place === place && record.key === key);
      if (known !== undefined) return known;
      const id = `${place.replace(/\W+/g, '-')}-${records.length + 1}`;
      const record = { id, place, key, body, createdAt: clock.now().toISOString(), commands: [] };
      put(record);
      return record;
    },
    command(place, id, name, key) {
      const record = find((one) => one.place === place && one.id === id);
      if (record === undefined || record.commands.some((command) => command.key === key))
        return record ?? null;
      const commands = [...record.commands, { name, key, at: clock.now().toISOString() }];
      const changed = { ...record, commands };
      put(changed);
      return changed;
    },
  };
}
