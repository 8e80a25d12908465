import { orderTotalMapper } from '../order-total.js';

/** Coupa leaves `total` out unless it is asked for by name. */
export const totalsFields = ['id', 'updated-at', { currency: ['code'] }, 'total'];

export const mapPurchaseOrderTotal = orderTotalMapper('id', (order, reader) => {
  const currency = reader.optionalObject(order, 'currency');
  return {
    header_total: reader.decimal(order, 'total'),
    currency: currency && reader.currency(currency, 'code', 'currency.'),
    updated_at: reader.instant(order, 'updated-at'),
  };
});
