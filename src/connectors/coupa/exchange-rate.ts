import type { Column, Mapped } from '../../domain/columns.js';
import { mapRecord } from '../record.js';

/** One-way: a rate from EUR to USD says nothing about USD to EUR. */
export const exchangeRateColumns = [
  { name: 'rate_id', type: 'text' },
  { name: 'from_currency', type: 'text' },
  { name: 'to_currency', type: 'text' },
  { name: 'rate', type: 'numeric' },
  { name: 'rate_date', type: 'date' },
  { name: 'updated_at', type: 'timestamp', nullable: true },
] as const satisfies readonly Column[];

export function mapExchangeRate(record: Buffer): Mapped {
  return mapRecord(record, 'id', (rate, reader) => {
    const from = reader.object(rate, 'from-currency');
    const to = reader.object(rate, 'to-currency');
    return {
      kind: 'row',
      row: {
        rate_id: reader.id(rate, 'id'),
        from_currency: from && reader.currency(from, 'code', 'from-currency.'),
        to_currency: to && reader.currency(to, 'code', 'to-currency.'),
        rate: reader.decimal(rate, 'rate'),
        rate_date: reader.day(rate, 'rate-date'),
        updated_at: reader.optionalInstant(rate, 'updated-at'),
      },
    };
  });
}
