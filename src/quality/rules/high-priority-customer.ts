import { type Rule, shown } from '../rule.js';

/** The order belongs to a customer that the customer-service system marks as of high priority. */
export const highPriorityCustomer: Rule = {
  name: 'high_priority_customer',
  title: 'the order belongs to a high-priority customer',
  priority: 'high',
  needs: ['customers'],
  sql: (tables) => `
    SELECT f.po_id, jsonb_build_object('customer_account_id', f.customer_account_id, 'customer', c.name, 'priority', c.priority,
             'total', f.total::text, 'currency', f.currency) AS evidence
    FROM scope JOIN checked f USING (po_id)
    JOIN ${tables.customers} c ON c._tenant = f._tenant AND c.account_id = f.customer_account_id AND NOT c._deleted
    WHERE c.priority = :high`,
  explain: (evidence) =>
    `The order of ${shown(evidence, 'total')} ${shown(evidence, 'currency')} belongs to ${shown(evidence, 'customer')} (account ${shown(evidence, 'customer_account_id')}), priority ${shown(evidence, 'priority')}.`,
};
