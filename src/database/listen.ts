import type { Database } from './postgres.js';

/** After a connection was lost, and how long one is kept that may be dead without our knowing. */
const againMs = 2_000;

interface Listener {
  on(event: 'notification', heard: (message: { readonly payload?: string }) => void): void;
  on(event: 'error' | 'end', gone: () => void): void;
  query(text: string): Promise<unknown>;
}

/**
 * Hears a channel of NOTIFY, over a connection of its own that is made anew when it is lost. Only a shortcut: what is
 * sent while nobody listens is lost, so whoever listens also looks by himself. `channel` is a name of ours.
 */
export function listenTo(
  database: Database,
  channel: `baton_${string}`,
  heard: (payload: string) => void,
): { close(): void } {
  const { client } = database.knex as unknown as {
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
    connection.on('notification', ({ payload }) => heard(payload ?? ''));
    connection.on('error', again);
    connection.on('end', again);
    await connection.query(`LISTEN ${channel}`);
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
