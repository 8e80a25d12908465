import { listenTo } from '../database/listen.js';
import type { Database } from '../database/postgres.js';
import type { BudgetKey } from './budgets.js';

/**
 * Tells at once when a budget's row changed: the breaker, or a 429. Only a shortcut: a lease lasts a quarter of a
 * second and leave without a rate one second, after which the row is asked anyway.
 */
export function listenForChanges(control: Database, changed: (key: BudgetKey) => void): { close(): void } {
  return listenTo(control, 'baton_budget', (payload) => {
    const [connection, tenant] = JSON.parse(payload === '' ? '[]' : payload) as string[];
    if (connection !== undefined && tenant !== undefined) changed({ connection, tenant });
  });
}
