import type { SandboxClock } from '../clock.js';
import type { Journal } from '../journal.js';
import { type SalesforceRecord, salesforceTime, seededAccounts, seededContacts } from '../seed/accounts.js';
import { seededCaseComments, seededCases } from '../seed/cases.js';

export const salesforceObjects = ['Account', 'Contact', 'Case', 'CaseComment'] as const;
export type SalesforceObject = (typeof salesforceObjects)[number];

export interface SalesforceStore {
  readonly seed: number;
  /** In the vendor's own form. */
  now(): string;
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
  const held = {
    Account: seededAccounts(seed),
    Contact: seededContacts(seed),
    Case: seededCases(seed),
    CaseComment: seededCaseComments(seed),
  };
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
  const now = () => salesforceTime(clock.ms());
  return {
    seed,
    now,
    records: (object) => held[object],
    find,
    patch(object, patch) {
      const at = now();
      const before = find(object, String(patch['Id'])) ?? { CreatedDate: at, IsDeleted: false };
      const record = { ...before, LastModifiedDate: at, SystemModstamp: at, ...patch };
      put({ object, record });
      return record;
    },
  };
}
