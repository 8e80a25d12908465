import { changeConnections } from '../../config/index.js';
import { createReplicationStore, type ReplicationRow } from '../../control/replications.js';
import { BatonError } from '../../protocol/errors.js';
import { confirm } from '../ask.js';
import type { Handler } from '../context.js';
import { list, one } from '../render/result.js';
import { formatAge } from '../render/style.js';

/** The databases whose changes are followed, and how far behind each is. */
export const listChanges: Handler = async (cli) => {
  const items = await createReplicationStore(await cli.control()).list();
  const now = new Date();
  return {
    result: list<ReplicationRow>({
      items,
      data: (row) => ({
        connection: row.connection,
        state: row.state,
        slot: row.slot,
        snapshotRows: Number(row.snapshot_rows),
        changes: Number(row.changes),
        lagBytes: row.lag_bytes === null ? null : Number(row.lag_bytes),
        walStatus: row.wal_status,
        lastChangeAt: row.last_change_at?.toISOString() ?? null,
        seenAt: row.seen_at?.toISOString() ?? null,
        error: row.last_error,
      }),
      empty: 'No database’s changes are followed: give baton.yaml a connection of type postgres.',
      next: null,
      columns: [
        { title: 'Connection', value: ({ connection }) => connection, id: true },
        { title: 'State', value: ({ state }) => state },
        { title: 'Snapshot', value: ({ snapshot_rows }) => snapshot_rows },
        { title: 'Changes', value: ({ changes }) => changes },
        { title: 'Lag', value: ({ lag_bytes }) => (lag_bytes === null ? '' : `${lag_bytes} bytes`) },
        {
          title: 'Last change',
          value: ({ last_change_at }) => last_change_at?.toISOString() ?? '',
          show: ({ last_change_at }) => (last_change_at === null ? '' : formatAge(last_change_at, now)),
        },
        { title: 'Error', value: ({ last_error }) => last_error ?? '' },
      ],
    }),
  };
};

/** Has all tables read once more, and a new slot followed from there. */
export const restartChanges: Handler = async (cli, [connection = ''], options) => {
  const names = changeConnections(await cli.config());
  if (!names.includes(connection))
    throw new BatonError('ERR_UNKNOWN_NAME', {
      detail: `No connection of type postgres is called "${connection}". There are: ${names.join(', ') || 'none'}.`,
      fix: 'See all: baton changes list',
    });
  await confirm(
    cli,
    options,
    `Drop the slot of ${connection}, and read all of its tables once more? What was changed twice meanwhile is one change.`,
  );
  await createReplicationStore(await cli.control()).restart(connection);
  return {
    result: one({ connection, restarted: true }, () => `${connection} begins anew within seconds.\n`),
  };
};
