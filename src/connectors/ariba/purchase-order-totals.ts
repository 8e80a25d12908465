import { orderTotalMapper } from '../order-total.js';
import { moneyCurrency } from './purchase-order.js';

export const mapPurchaseOrderTotal = orderTotalMapper('UniqueName', (order, reader) => {
  const total = reader.object(order, 'TotalCost');
  return {
    header_total: total && reader.decimal(total, 'Amount', 'TotalCost.'),
    currency: total && moneyCurrency(total, reader, 'TotalCost.'),
    updated_at: reader.instant(order, 'TimeUpdated'),
  };
});
