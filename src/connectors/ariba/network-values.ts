import { instantText } from '../instant.js';
import type { Fields, RecordReader } from '../record.js';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const spoken = /^(\d{1,2}) ([A-Z][a-z]{2})[a-z]* (\d{4}) (\d{1,2}):(\d{2}):(\d{2})(?: ([AP])M)?$/;

/** A time of the Network as RFC 3339: `28 May 2019 5:46:45 AM`, in UTC, or as all else write it. Null where it is absent. */
export function networkInstant(fields: Fields, reader: RecordReader, key: string): string | null {
  const text = reader.optionalText(fields, key);
  if (text === null) return null;
  // Between the time and AM some versions of Java write a narrow space.
  const plain = text.trim().replace(/[\s\u202f]+/g, ' ');
  return (
    instantText(written(plain) ?? plain) ??
    reader.report('impossible_date', key, 'is not a time that exists', text)
  );
}

function written(text: string): string | null {
  const [, day = '', name = '', year = '', hour = '', minute = '', second = '', half] =
    spoken.exec(text) ?? [];
  const month = months.indexOf(name) + 1;
  if (month === 0) return null;
  if (half !== undefined && (Number(hour) < 1 || Number(hour) > 12)) return null;
  const ofDay = half === undefined ? Number(hour) : (Number(hour) % 12) + (half === 'P' ? 12 : 0);
  const two = (number: string | number) => String(number).padStart(2, '0');
  return `${year}-${two(month)}-${two(day)}T${two(ofDay)}:${minute}:${second}Z`;
}

/** An amount: a number, a text, or an object that has its currency with it. */
export interface NetworkMoney {
  readonly amount: string | null;
  readonly currency: string | null;
}

/** The first of the keys that is there. */
export function networkMoney(fields: Fields, reader: RecordReader, keys: readonly string[]): NetworkMoney {
  const key = keys.find((one) => Object.hasOwn(fields, one) && fields[one] !== null && fields[one] !== '');
  if (key === undefined) return { amount: null, currency: null };
  if (typeof fields[key] !== 'object') return { amount: reader.decimal(fields, key), currency: null };
  const money = reader.object(fields, key);
  return {
    amount: money && reader.decimal(money, 'amount', `${key}.`),
    currency: money && currencyOf(money, reader, `${key}.`),
  };
}

/** The code beside an amount, where there is one. */
export function currencyOf(fields: Fields, reader: RecordReader, at = ''): string | null {
  const key = ['currencyCode', 'currency'].find(
    (one) => typeof fields[one] === 'string' && fields[one] !== '',
  );
  return key === undefined ? null : reader.currency(fields, key, at);
}
