import { Big } from 'big.js';
import type { Column, Mapped } from '../../domain/columns.js';
import { BatonError } from '../../protocol/errors.js';
import type { Parameters, Stream } from '../port.js';
import { type Fields, mapRecord, type RecordReader } from '../record.js';
import { type DayRates, orderValueUsd, priorityFlag } from './order-value.js';
import type { FilesSettings } from './settings.js';

const columns: readonly Column[] = [
  { name: 'order_id', type: 'text' },
  { name: 'subtotal', type: 'numeric', description: 'as it came, in the order’s currency' },
  { name: 'tax', type: 'numeric', description: 'a share: 0.08 is 8 %' },
  { name: 'currency', type: 'text', description: 'ISO 4217' },
  { name: 'order_value_usd', type: 'numeric', description: 'subtotal × (1 + tax), in USD, to the cent' },
  { name: 'priority_flag', type: 'text', description: 'HIGH or STANDARD' },
  { name: 'processed_at', type: 'timestamp', description: 'when its file was taken up' },
];

/** What an order gets that it did not come with. */
export const enrichmentColumns = columns.filter(({ name }) =>
  ['processed_at', 'order_value_usd', 'priority_flag'].includes(name),
);

/** The member by which a reader of files says that a record is none: a line of CSV that lacks a value. */
export const malformed = '$malformed';

/**
 * What the orders of one file are enriched with, kept with its batch: the same bytes give the same values whenever
 * they are mapped again, whatever the rates and the settings are then.
 */
export interface OrderParameters {
  readonly processedAt: string;
  readonly tax: string;
  readonly currency: string;
  readonly highAbove: string;
  readonly rates: DayRates | null;
}

export function toParameters(of: OrderParameters): Parameters {
  const { rates, ...texts } = of;
  return { ...texts, ...(rates === null ? {} : { rates: JSON.stringify(rates) }) };
}

/** Parsed once for all records of a batch. */
let last: { readonly text: string; readonly rates: DayRates } | null = null;

function ratesIn(parameters: Parameters): DayRates | null {
  const text = parameters['rates'];
  if (text === undefined) return null;
  if (last?.text !== text) last = { text, rates: JSON.parse(text) as DayRates };
  return last.rates;
}

/** The orders that come in files, one record each. They come by themselves and cannot be read. */
export function ordersStream({ orders: names }: Pick<FilesSettings, 'orders'>): Stream {
  return {
    name: 'orders',
    docs: 'https://www.rfc-editor.org/rfc/rfc8259',
    mode: 'full',
    primaryKey: names.id,
    cursorField: null,
    lagMs: 0,
    columns,
    versionColumn: 'processed_at',
    readPage() {
      throw new BatonError('ERR_PLAN_INVALID', { detail: 'Orders come in files; there is nothing to read.' });
    },
    checkCursor: () => ({}),
    map: (record, parameters = {}) =>
      mapRecord(record, names.id, (fields, reader) => mapOrder(fields, reader, names, parameters)),
  };
}

function mapOrder(
  fields: Fields,
  reader: RecordReader,
  names: FilesSettings['orders'],
  parameters: Parameters,
): Mapped {
  const reason = reader.optionalText(fields, malformed);
  if (reason !== null) reader.report('malformed', '', reason, null);
  const id = reader.id(fields, names.id);
  const subtotal = reader.decimal(fields, names.subtotal);
  const tax = reader.optionalDecimal(fields, names.tax) ?? parameters['tax'] ?? '0.08';
  const currency =
    given(fields, names.currency) === undefined
      ? (parameters['currency'] ?? 'USD')
      : reader.currency(fields, names.currency);
  if (!isShare(tax)) reader.report('not_a_share', names.tax, 'is not a share between 0 and 1', tax);
  const value =
    subtotal === null || currency === null || !isShare(tax)
      ? null
      : orderValueUsd({ subtotal, tax, currency }, ratesIn(parameters));
  if (value === null && subtotal !== null && currency !== null && isShare(tax))
    reader.report(
      'no_rate',
      names.currency,
      `is ${currency}, and no rate is known that converts it into USD`,
      currency,
    );
  return {
    kind: 'row',
    row: {
      order_id: id,
      subtotal,
      tax,
      currency,
      order_value_usd: value,
      priority_flag: value === null ? null : priorityFlag(value, parameters['highAbove'] ?? '10000'),
      processed_at: parameters['processedAt'] ?? null,
    },
  };
}

/** Undefined for what is not there, null or empty: as a column of CSV that is left out. */
function given(fields: Fields, name: string): unknown {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return value === null || value === '' ? undefined : value;
}

function isShare(tax: string): boolean {
  const share = new Big(tax);
  return share.gte(0) && share.lt(1);
}
