import type { Rule } from '../rule.js';
import { headerTotal } from './header-total.js';
import { highPriorityCustomer } from './high-priority-customer.js';
import { lineTotal } from './line-total.js';
import { overInvoiced } from './over-invoiced.js';
import { overThreshold } from './over-threshold.js';
import { unknownSupplier } from './unknown-supplier.js';

/** Every rule that purchase orders are checked against: one line each. */
export const orderRules: readonly Rule[] = [
  lineTotal,
  headerTotal,
  overInvoiced,
  unknownSupplier,
  overThreshold,
  highPriorityCustomer,
];
