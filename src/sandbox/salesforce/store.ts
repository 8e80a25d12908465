import type { SandboxClock } from '../clock.js';
import type { Journal } from '../journal.js';
import { type SalesforceRecord, salesforceTime, seededAccounts, seededContacts } from '../seed/accounts.js';

export const salesforceObjects = ['Account', 'Contact'] as const;
export type SalesforceObject = (typeof salesforceObjects)[number];

export interface SalesforceStore {
  records(object: SalesforceObject): readonly SalesforceRecord[];
  find(object: SalesforceObject, id: string): SalesforceRecord | undefined;
  /** Changes or adds a record; SystemModstamp becomes now unless given. `Id` is required. */
  patch(object: SalesforceObject, patch: SalesforceRecord): SalesforceRecord;
}

/** A 15-character id names the same record as its 18-character form. */
function sameId(left: unknown, right: string): boolean {
  return String(left).slice(0, 15) === right.slice(0, 15);
}

export function createSalesforceStore(seed: number, journal: Journal, clock: SandboxClock): SalesforceStore {
  const held = { Account: seededAccounts(seed), Contact: seededContacts(seed) };
  const find = (object: SalesforceObject, id: string): SalesforceRecord | undefined =>
    held[object].find((record) => sameId(record['Id'], id));
  const put = journal.register<{ object: SalesforceObject; record: SalesforceRecord }>(
    'salesforce.upsert',
    ({ object, record }) => {
      const at = held[object].findIndex(({ Id }) => sameId(Id, String(record['Id'])));
      if (at === -1) held[object].push(record);
      else held[object][at] = record;
    },
  );
  return {
    records: (object) => held[object],
    find,
    patch(object, patch) {
      const now = salesforceTime(clock.ms());
      const before = find(object, String(patch['Id'])) ?? { CreatedDate: now, IsDeleted: false };
      const record = { ...before, LastModifiedDate: now, SystemModstamp: now, ...patch };
      put({ object, record });
      return record;
    },
  };
}
