import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mapPurchaseOrder } from '../../src/connectors/coupa/purchase-order.js';

/** Text as vendors send it: any script, no control characters; and keys beyond ASCII too. */
const words = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
  .filter((text) => text.trim() !== '');

/** Read as bytes when nothing in it is escaped, as text when something is: it must not matter which. */
describe('a record', () => {
  it('maps to the same row whether it holds an escape or none', () => {
    fc.assert(
      fc.property(words, words, words, words, (number, supplier, description, field) => {
        const order = {
          id: 7,
          'po-number': number,
          status: 'issued',
          currency: { code: 'EUR' },
          supplier: { id: 1, name: supplier },
          [`feld-${field}`]: supplier,
          'created-at': '2026-05-01T09:00:00+02:00',
          'updated-at': '2026-05-01T09:00:00+02:00',
          'order-lines': [
            { id: 1, 'line-num': '1', description, price: '1.5', quantity: '2', type: 'OrderQuantityLine' },
          ],
        };
        const parameters = { customerField: `feld-${field}` };
        const plain = mapPurchaseOrder(Buffer.from(JSON.stringify(order)), parameters);
        const escaped = mapPurchaseOrder(
          Buffer.from(JSON.stringify(order).replace('"issued"', '"\\u0069ssued"')),
          parameters,
        );
        expect({ ...plain, parsed: null }).toEqual({ ...escaped, parsed: null });
        if (plain.kind === 'row') {
          expect(plain.row['supplier_name']).toBe(supplier);
          expect(plain.row['customer_account_id']).toBe(supplier);
          expect(plain.lines?.[0]?.['description']).toBe(description);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('that is not UTF-8 is mapped with the replacement character', () => {
    const [before, after] = JSON.stringify({
      id: 7,
      'po-number': 'P@7',
      status: 'issued',
      currency: { code: 'EUR' },
      'created-at': '2026-05-01',
      'updated-at': '2026-05-01',
      'order-lines': [],
    }).split('@');
    const record = Buffer.concat([Buffer.from(before ?? ''), Buffer.from([0xff]), Buffer.from(after ?? '')]);
    expect(mapPurchaseOrder(record)).toMatchObject({ kind: 'row', row: { po_number: 'P\ufffd7' } });
  });
});
