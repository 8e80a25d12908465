import type { Database } from './postgres.js';

/** Something that one process at a time may do, for as long as its connection lives. */
export interface Lock {
  /** Aborted when the connection that holds it is lost: another may hold it by then. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

interface Session {
  query(text: string, values: readonly string[]): Promise<{ rows: { held: boolean }[] }>;
  on(event: 'error' | 'end', gone: () => void): void;
}

/** Null when another holds it. */
export async function tryLock({ knex }: Database, name: string): Promise<Lock | null> {
  const { client } = knex as unknown as {
    client: {
      acquireRawConnection(): Promise<Session>;
      destroyRawConnection(one: Session): Promise<unknown>;
    };
  };
  const session = await client.acquireRawConnection();
  const lost = new AbortController();
  session.on('error', () => lost.abort());
  session.on('end', () => lost.abort());
  const close = async () => {
    await client.destroyRawConnection(session).catch(() => {});
  };
  const { rows } = await session
    .query('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS held', [name])
    .catch(async (error: unknown) => {
      await close();
      throw error;
    });
  if (rows[0]?.held === true) return { lost: lost.signal, release: close };
  await close();
  return null;
}
