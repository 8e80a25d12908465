import type { Column, Mapped } from '../../domain/columns.js';
import { BatonError } from '../../protocol/errors.js';
import { decimalText } from '../decimal-text.js';
import { JsonSplitError, splitEntries } from '../json-split.js';
import { addDays, dayPaginator } from '../paging/day.js';
import { position } from '../paging/paginator.js';
import type { Parameters, Stream, Window } from '../port.js';
import { type Listing, readListed } from '../read-page.js';
import { mapRecord, type RecordReader } from '../record.js';

/** Longer series are thinned out to weeks by some versions of the service. */
const mostDaysPerPage = 90;

/** A week always holds a business day; a page without one would be refused as not found. */
const fewestDaysPerPage = 7;

/** How far back to read when the pipeline binds no range. */
const defaultDays = 14;

/** The first day that the European Central Bank published rates for. */
const firstDay = '1999-01-04';

const columns = [
  { name: 'rate_id', type: 'text', description: '`date/base`' },
  { name: 'rate_date', type: 'date', description: 'the business day on which the rates were published' },
  { name: 'base', type: 'text' },
  {
    name: 'rates',
    type: 'json',
    description: 'object of quote currency to units per 1 base, decimal text as sent',
  },
] as const satisfies readonly Column[];

const paginator = dayPaginator('rates', {
  days: ({ window, parameters }) => rangeOf(window, parameters),
  mostDays: mostDaysPerPage,
  fewestDays: fewestDaysPerPage,
  path: (first, last) => `/v1/${first}..${last}`,
});

/**
 * One record per business day. The service answers a series keyed by day; each member is landed as one line
 * `{"date":…,"base":…,"rates":{…}}`, in which the inner object is the service's own bytes. Parameters: `base`
 * (EUR), `from` and `to` (days; by default the last fortnight of the window; no further than its end, and no
 * earlier than the first rates). Days without a publication have no record. A first page that begins on such a day may bring the business day before it: wanted, because it
 * is the rate in force.
 */
export const rates: Stream = {
  name: 'rates',
  docs: 'https://frankfurter.dev/#time-series-data',
  scope: 'rates',
  mode: 'full',
  primaryKey: 'date',
  cursorField: null,
  lagMs: 0,
  columns,
  versionColumn: null,
  checkCursor: paginator.check,
  map: mapRates,
  async readPage({ http }, window, cursor, options) {
    const { base } = rangeOf(window, options.parameters);
    const first = position(cursor);
    const listing: Listing = {
      paginator,
      request: (ask) => ({
        method: 'GET',
        path: ask.path ?? '/v1/latest',
        query: { base },
        signal: options.signal,
      }),
      split(body) {
        const { entries, envelope } = splitEntries(body, 'rates');
        const given = envelope.get('base');
        if (given !== base) throw new JsonSplitError(`is for base ${String(given)}`);
        const wanted = entries.filter(([day]) => first === null || day >= first);
        return { records: wanted.map(([day, value]) => asLine(day, base, value)), envelope };
      },
    };
    const { parameters } = options;
    return readListed(http, listing, cursor, {
      window,
      size: options.pageSize ?? mostDaysPerPage,
      parameters,
    });
  },
};

interface Range {
  readonly base: string;
  readonly from: string;
  readonly to: string;
}

function rangeOf(window: Window, parameters: Parameters | undefined): Range {
  const base = parameters?.['base'] ?? 'EUR';
  const to = parameters?.['to'] ?? window.to.slice(0, 10);
  const from = parameters?.['from'] ?? addDays(to, -defaultDays);
  if (!/^[A-Z]{3}$/.test(base)) throw unusable('base', base);
  if (!isDay(from)) throw unusable('from', from);
  if (!isDay(to) || to < from) throw unusable('to', to);
  return { base, ...clipped(from, to, window.to.slice(0, 10)) };
}

/**
 * The days of the range that have rates at all: the dates come from records, and a single one in the year 202
 * or 2099 must not ask for what the service refuses. Less than a week left of it may hold no rate: then the
 * default.
 */
function clipped(from: string, to: string, today: string): Omit<Range, 'base'> {
  const first = from < firstDay ? firstDay : from;
  const last = to > today ? today : to;
  const isWhole = first === from && last === to;
  if (isWhole || addDays(first, fewestDaysPerPage - 1) <= last) return { from: first, to: last };
  return { from: addDays(today, -defaultDays), to: today };
}

function unusable(name: string, value: string): BatonError {
  return new BatonError('ERR_CONFIG_INVALID', {
    detail: `rates: parameter ${name} cannot be ${JSON.stringify(value)}`,
  });
}

function isDay(text: string): boolean {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}

function asLine(day: string, base: string, value: Buffer): Buffer {
  const head = `{"date":${JSON.stringify(day)},"base":${JSON.stringify(base)},"rates":`;
  return Buffer.concat([Buffer.from(head), value, Buffer.from('}')]);
}

/** The numbers are taken from the record's bytes, so `1.0890` stays `1.0890`. */
function mapRates(record: Buffer): Mapped {
  return mapRecord(record, 'date', (fields, reader) => {
    const date = reader.day(fields, 'date');
    const base = reader.currency(fields, 'base');
    return {
      kind: 'row',
      row: {
        rate_id: `${date}/${base}`,
        rate_date: date,
        base,
        rates: JSON.stringify(ratesOf(record, reader)),
      },
    };
  });
}

function ratesOf(record: Buffer, reader: RecordReader): Readonly<Record<string, string>> {
  const found = new Map<string, string>();
  for (const [quote, value] of entriesOf(record, reader)) {
    const text = decimalText(value.toString('utf8'));
    if (!/^[A-Z]{3}$/.test(quote))
      reader.report('not_a_currency', `rates.${quote}`, 'is not a currency code', quote);
    else if (text === null)
      reader.report('not_a_decimal', `rates.${quote}`, 'is not a decimal number', value.toString('utf8'));
    else if (!/[1-9]/.test(text) || text.startsWith('-'))
      reader.report('not_positive', `rates.${quote}`, 'is not above zero', text);
    else found.set(quote, text);
  }
  return Object.fromEntries(found);
}

function entriesOf(record: Buffer, reader: RecordReader): readonly (readonly [string, Buffer])[] {
  try {
    return splitEntries(record, 'rates').entries;
  } catch (error) {
    if (!(error instanceof JsonSplitError)) throw error;
    reader.report('wrong_type', 'rates', 'should be an object of rates', null);
    return [];
  }
}
