import type { Database } from '../database/postgres.js';
import type { BudgetKey } from './budgets.js';

/** After a connection was lost, and how long one is kept that may be dead without our knowing. */
const againMs = 2_000;

interface Listener {
  on(event: 'notification', heard: (message: { readonly payload?: string }) => void): void;
  on(event: 'error' | 'end', gone: () => void): void;
  query(text: string): Promise<unknown>;
}

/**
 * Tells at once when a budget's row changed: the breaker, or a 429. Only a shortcut: a lease lasts a quarter of a
 * second and leave without a rate one second, after which the row is asked anyway.
 */
export function listenForChanges(control: Database, changed: (key: BudgetKey) => void): { close(): void } {
  const { client } = control.knex as unknown as {
    client: {
      acquireRawConnection(): Promise<Listener>;
      destroyRawConnection(one: Listener): Promise<unknown>;
    };
  };
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let current: Listener | null = null;

  async function listen(): Promise<void> {
    const connection = await client.acquireRawConnection();
    current = connection;
    connection.on('notification', ({ payload }) => {
      const [name, tenant] = JSON.parse(payload ?? '[]') as string[];
      if (name !== undefined && tenant !== undefined) changed({ connection: name, tenant });
    });
    connection.on('error', again);
    connection.on('end', again);
    await connection.query('LISTEN baton_budget');
  }

  function again(): void {
    current = null;
    clearTimeout(timer);
    if (!closed) timer = setTimeout(() => void listen().catch(again), againMs).unref();
  }

  void listen().catch(again);
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      if (current !== null) void client.destroyRawConnection(current).catch(() => {});
    },
  };
}
