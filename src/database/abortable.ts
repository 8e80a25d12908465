import type { Knex } from 'knex';

/** A cancellation that comes between two statements has no effect: it is asked for until the connection is free. */
const cancelAgainMs = 250;

/**
 * The same pool, whose statements the server is asked to cancel (pg_cancel_backend, from another connection)
 * when the signal aborts: what runs throws, its transaction is rolled back, and no further one begins. A
 * transaction that is being committed then is committed.
 */
export function abortable(knex: Knex, signal: AbortSignal): Knex {
  const view = knex.withUserParams({});
  const { client: own } = view as { client: PoolClient };
  const { client: pool } = knex as { client: PoolClient };
  /** Connections in use, each with what was last asked of the server about it. */
  const busy = new Map<object, Promise<unknown>>();

  async function cancelAll(): Promise<void> {
    while (busy.size > 0) {
      for (const connection of busy.keys())
        busy.set(
          connection,
          pool.cancelQuery(connection).catch(() => {}),
        );
      await Promise.all(busy.values());
      await new Promise((resolve) => setTimeout(resolve, cancelAgainMs));
    }
  }
  signal.addEventListener('abort', () => void cancelAll(), { once: true });

  own.acquireConnection = async () => {
    signal.throwIfAborted();
    const connection = await pool.acquireConnection();
    if (signal.aborted) {
      await pool.releaseConnection(connection);
      signal.throwIfAborted();
    }
    busy.set(connection, Promise.resolve());
    return connection;
  };
  own.releaseConnection = async (connection) => {
    const asked = busy.get(connection);
    busy.delete(connection);
    // Or the cancellation would meet whoever has the connection next.
    await asked;
    await pool.releaseConnection(connection);
  };
  return view;
}

/** What knex's client is to its queries and transactions. */
interface PoolClient {
  acquireConnection(): Promise<object>;
  releaseConnection(connection: object): Promise<void>;
  cancelQuery(connection: object): Promise<unknown>;
}
