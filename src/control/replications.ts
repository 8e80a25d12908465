import { type Database, query } from '../database/postgres.js';

/** A row of control.replications: a database whose changes are followed. */
export interface ReplicationRow {
  readonly connection: string;
  /** `snapshot`: what was there at the beginning is not all stored yet. */
  readonly state: 'snapshot' | 'following';
  readonly slot: string;
  readonly snapshot_rows: string;
  /** Events that it became, the snapshot's rows left aside. */
  readonly changes: string;
  /** Written there and not stored here, when it was last looked at. */
  readonly lag_bytes: string | null;
  readonly wal_status: string | null;
  readonly last_error: string | null;
  readonly begun_at: Date;
  readonly last_change_at: Date | null;
  readonly seen_at: Date | null;
}

export type ReplicationStore = ReturnType<typeof createReplicationStore>;

export function createReplicationStore(control: Database) {
  const { knex } = control;
  const run = async (what: string, sql: string, bindings: Parameters<typeof query>[2]): Promise<void> => {
    await control.guard(what, () => query(knex, sql, bindings));
  };
  return {
    find(connection: string): Promise<ReplicationRow | null> {
      return control.guard('reading a replication', async () => {
        const { rows } = await query<ReplicationRow>(
          knex,
          'SELECT * FROM control.replications WHERE connection = :connection',
          { connection },
        );
        return rows[0] ?? null;
      });
    },

    list(): Promise<ReplicationRow[]> {
      return control.guard('listing replications', async () => {
        const { rows } = await query<ReplicationRow>(
          knex,
          'SELECT * FROM control.replications ORDER BY connection',
        );
        return rows;
      });
    },

    /** It begins, perhaps anew. */
    begun: (connection: string, slot: string): Promise<void> =>
      run(
        'noting a replication',
        `INSERT INTO control.replications (connection, slot, state) VALUES (:connection, :slot, 'snapshot')
         ON CONFLICT (connection) DO UPDATE SET slot = EXCLUDED.slot, state = 'snapshot', snapshot_rows = 0, changes = 0,
           lag_bytes = NULL, wal_status = NULL, last_error = NULL, begun_at = clock_timestamp()`,
        { connection, slot },
      ),

    following: (connection: string, snapshotRows: number): Promise<void> =>
      run(
        'noting a replication',
        `UPDATE control.replications SET state = 'following', snapshot_rows = :rows, last_error = NULL WHERE connection = :connection`,
        { connection, rows: snapshotRows },
      ),

    stored: (connection: string, changes: number, lastAt: Date): Promise<void> =>
      run(
        'noting changes',
        `UPDATE control.replications SET changes = changes + :changes, last_change_at = :lastAt, last_error = NULL WHERE connection = :connection`,
        { connection, changes, lastAt },
      ),

    seen: (connection: string, lagBytes: number, walStatus: string): Promise<void> =>
      run(
        'noting a replication',
        `UPDATE control.replications SET lag_bytes = :lag, wal_status = :status, seen_at = clock_timestamp() WHERE connection = :connection`,
        { connection, lag: lagBytes, status: walStatus },
      ),

    failed: (connection: string, error: string): Promise<void> =>
      run(
        'noting a replication',
        'UPDATE control.replications SET last_error = :error WHERE connection = :connection',
        { connection, error: error.slice(0, 500) },
      ),

    /** Has it begin anew at the next look of whoever follows it. */
    restart: (connection: string): Promise<void> =>
      run(
        'restarting a replication',
        `INSERT INTO control.replications (connection, slot, state) VALUES (:connection, '', 'snapshot')
         ON CONFLICT (connection) DO UPDATE SET state = 'snapshot'`,
        { connection },
      ),
  };
}
