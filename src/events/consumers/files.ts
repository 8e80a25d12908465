import { filesChannel } from '../../control/files.js';
import { readNotice } from '../../lake/notice.js';
import { BatonError } from '../../protocol/errors.js';
import type { Consumer } from '../consumer.js';

/**
 * Has the places of files looked at, once for all that wait. What it tells of is not believed: what is there is listed,
 * so that a notice that comes late, twice or from a stranger harms nothing.
 */
export const files: Consumer = {
  most: 1_000,
  async handle(events, { trx }) {
    const connections = new Set<string>();
    const outcomes = events.map(({ id, connection, body }) => {
      try {
        if (readNotice(body.toString('utf8')).length === 0)
          return { id, state: 'filtered' as const, by: 'it tells of no new object' };
        connections.add(connection);
        return { id, state: 'processed' as const, by: `the files of ${connection} are looked at` };
      } catch (error) {
        if (!(error instanceof BatonError)) throw error;
        return { id, state: 'rejected' as const, reason: `${error.message} (${error.code})` };
      }
    });
    for (const connection of connections) await trx.raw('SELECT pg_notify(?, ?)', [filesChannel, connection]);
    return { outcomes, bells: [] };
  },
};
