import { isoWithOffset } from '../clock.js';
import { Draw } from '../rng.js';
import { dayMs, fromMs, streams, supplierIdBase, unknownSupplierBase } from './frame.js';
import { places, supplierForms, supplierStems, supplierTrades } from './vocabulary.js';

export type CoupaRecord = Record<string, unknown>;

export interface SupplierReference {
  readonly id: number;
  readonly name: string;
  readonly number: string;
}

function supplierName(index: number): string {
  const stem = supplierStems[index % supplierStems.length] ?? '';
  const trade = supplierTrades[Math.floor(index / supplierStems.length) % supplierTrades.length] ?? '';
  return `${stem} ${trade} ${supplierForms[(index * 7) % supplierForms.length] ?? ''}`;
}

/** A supplier as an order names it. */
export function supplierReference(id: number): SupplierReference {
  if (id >= unknownSupplierBase) return { id, name: `Unlisted Trading ${id}`, number: `S-${id}` };
  return { id, name: supplierName(id - supplierIdBase), number: `S-${id}` };
}

export function supplierTimes(seed: number, index: number): { createdMs: number; updatedMs: number } {
  const draw = new Draw(seed, streams.supplier, index);
  return {
    createdMs: fromMs - draw.int(60, 1500) * dayMs,
    updatedMs: fromMs - 2 * dayMs + draw.int(0, 14 * 86_400) * 1000,
  };
}

/** The supplier of this index in Coupa's words. */
export function supplierRecord(seed: number, index: number): CoupaRecord {
  const draw = new Draw(seed, streams.supplier, index, 1);
  const { createdMs, updatedMs } = supplierTimes(seed, index);
  const reference = supplierReference(supplierIdBase + index);
  const place = draw.pick(places);
  const email = `orders-${reference.id}@example.com`;
  return {
    id: reference.id,
    'created-at': isoWithOffset(createdMs, -420),
    'updated-at': isoWithOffset(updatedMs, -420),
    name: reference.name,
    'display-name': reference.name,
    number: reference.number,
    status: draw.chance(0.04) ? 'inactive' : 'active',
    'on-hold': draw.chance(0.03),
    'payment-method': 'virtual_card',
    'payment-term': { id: 3, code: draw.pick(['NET30', 'NET60', '2/10 NET30']) },
    'po-method': 'email',
    'po-email': email,
    'primary-contact': { email, 'name-given': 'Order', 'name-family': 'Desk' },
    'primary-address': {
      street1: place.street,
      city: place.city,
      'postal-code': place.postalCode,
      country: { code: place.country, name: place.countryName },
    },
    'remit-to-addresses': [],
    'tax-id': null,
    duns: null,
    'account-number': null,
  };
}
