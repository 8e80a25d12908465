import { Draw, hash32 } from '../rng.js';
import { accountCount, dayMs, fromMs, highPriorityAccounts, streams } from './frame.js';
import { customerStems, customerTrades, places } from './vocabulary.js';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345';
const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The 18-character form of a 15-character Salesforce id: three letters say which characters are capitals. */
export function withChecksum(id15: string): string {
  let suffix = '';
  for (let chunk = 0; chunk < 15; chunk += 5) {
    let bits = 0;
    for (let i = 0; i < 5; i++) if (/[A-Z]/.test(id15.charAt(chunk + i))) bits |= 1 << i;
    suffix += alphabet.charAt(bits);
  }
  return id15 + suffix;
}

export function salesforceId(prefix: string, seed: number, index: number): string {
  let rest = '';
  let value = hash32(seed, streams.account, index);
  for (let i = 0; i < 2; i++) {
    rest = base62.charAt(value % 62) + rest;
    value = Math.floor(value / 62);
  }
  return withChecksum(`${prefix}Hs${String(index).padStart(8, '0')}${rest}`);
}

export function accountId(seed: number, index: number): string {
  return salesforceId('001', seed, index);
}

export type SalesforceRecord = Record<string, string | number | boolean | null>;

/** The time format of Salesforce: milliseconds, and an offset without a colon. */
export function salesforceTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '+0000');
}

export function times(draw: Draw): { CreatedDate: string; LastModifiedDate: string; SystemModstamp: string } {
  const created = fromMs - draw.int(30, 900) * dayMs;
  const modified = fromMs - dayMs + draw.int(0, 10 * 86_400) * 1000;
  return {
    CreatedDate: salesforceTime(created),
    LastModifiedDate: salesforceTime(modified),
    SystemModstamp: salesforceTime(modified),
  };
}

function priority(index: number, draw: Draw): string {
  if (index < highPriorityAccounts) return 'High';
  return draw.chance(0.3) ? 'Medium' : 'Low';
}

function account(seed: number, index: number): SalesforceRecord {
  const draw = new Draw(seed, streams.account, index, 1);
  const stem = customerStems[index % customerStems.length] ?? '';
  const trade = customerTrades[Math.floor(index / customerStems.length) % customerTrades.length] ?? '';
  const place = draw.pick(places);
  return {
    Id: accountId(seed, index),
    Name: `${stem} ${trade}`,
    AccountNumber: `CUST-${String(1000 + index)}`,
    Type: draw.pick(['Customer - Direct', 'Customer - Channel', 'Prospect']),
    Industry: trade,
    Priority__c: priority(index, draw),
    BillingCity: place.city,
    BillingCountry: place.countryName,
    Website: `https://customer-${index}.example.com`,
    Phone: null,
    OwnerId: withChecksum('005Hs0000000001'),
    IsDeleted: false,
    ...times(draw),
  };
}

function contact(seed: number, index: number): SalesforceRecord {
  const draw = new Draw(seed, streams.contact, index);
  const desk = draw.pick(['Einkauf', 'Büro', 'Accounts Payable', 'Reception', 'Lager']);
  return {
    Id: salesforceId('003', seed + 1, index),
    AccountId: accountId(seed, Math.floor(index / 3)),
    FirstName: null,
    LastName: `${desk} ${index + 1}`,
    Email: `desk-${index + 1}@example.com`,
    Phone: null,
    Title: desk,
    OwnerId: withChecksum('005Hs0000000001'),
    IsDeleted: false,
    ...times(draw),
  };
}

export function seededAccounts(seed: number): SalesforceRecord[] {
  return Array.from({ length: accountCount }, (_, index) => account(seed, index));
}

export function seededContacts(seed: number): SalesforceRecord[] {
  return Array.from({ length: accountCount * 3 }, (_, index) => contact(seed, index));
}
