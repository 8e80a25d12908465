import { createHash } from 'node:crypto';
import { type CellText, rowJson } from './row-json.js';

export type Operation = 'snapshot' | 'insert' | 'update' | 'delete' | 'truncate';

/** One change of one row, as it becomes an event. */
export interface Change {
  /** The same whenever it is read again. */
  readonly id: string;
  /** `public.orders.update`. */
  readonly type: string;
  /** The row's key: its columns' values, joined by a comma; null where the table has none. */
  readonly subject: string | null;
  readonly committedAt: Date;
  readonly body: Buffer;
}

export interface ChangeFacts {
  readonly table: string;
  readonly operation: Operation;
  /** LSN of the commit; of a snapshot, where the stream goes on. */
  readonly lsn: string;
  readonly ordinal: number;
  readonly xid: number | null;
  readonly committedAt: Date;
  readonly key: readonly CellText[];
  readonly before: readonly CellText[] | null;
  readonly after: readonly CellText[] | null;
}

export function changeOf(facts: ChangeFacts): Change {
  const { table, operation, lsn, key, before, after, committedAt } = facts;
  const subject = key.length === 0 ? null : key.map(({ text }) => text ?? '').join(',');
  const unchanged = (after ?? []).filter(({ text }) => text === undefined).map(({ name }) => name);
  const members = [
    `"table":${JSON.stringify(table)},"op":"${operation}","lsn":"${lsn}","xid":${facts.xid ?? 'null'}`,
    `"committed_at":"${committedAt.toISOString()}"`,
    `"key":${rowJson(key)}`,
    `"before":${before === null ? 'null' : rowJson(before)}`,
    `"after":${after === null ? 'null' : rowJson(after)}`,
    ...(unchanged.length === 0 ? [] : [`"unchanged":${JSON.stringify(unchanged)}`]),
  ];
  const body = Buffer.from(`{${members.join(',')}}`);
  return { id: idOf(facts, subject), type: `${table}.${operation}`, subject, committedAt, body };
}

/** A snapshot that is taken again finds the same row; one that has changed since is another event. */
function idOf({ table, operation, lsn, ordinal, after }: ChangeFacts, subject: string | null): string {
  if (operation !== 'snapshot') return `${lsn}.${ordinal}`;
  const digest = createHash('sha256')
    .update(JSON.stringify([table, subject, rowJson(after ?? [])]))
    .digest('hex');
  return `snapshot.${digest.slice(0, 40)}`;
}
