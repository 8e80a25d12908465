import type { Socket } from 'node:net';
import { LogicalReplicationService, type Pgoutput, PgoutputPlugin } from 'pg-logical-replication';
import { BatonError } from '../../protocol/errors.js';
import { type Change, changeOf, type Operation } from './change.js';
import type { CellText } from './row-json.js';
import { type ChangeSource, keysOf, slotOf, toChangesError, unprepared } from './source.js';

/** Stored together, at most; and the oldest waits no longer than this for others. */
const mostChanges = 1_000;
const mostBytes = 4_194_304;
const waitMs = 50;
/** How often the database hears how far we are when nothing changes; it gives up after a minute. */
const sayEveryMs = 5_000;

/** Values stay PostgreSQL's own texts: a number or a time that is parsed is not what was written. */
class TextPlugin extends PgoutputPlugin {
  override parse(buffer: Buffer): Pgoutput.Message {
    const message = super.parse(buffer);
    if (message.tag === 'relation')
      for (const column of message.columns) column.parser = (text: string) => text;
    return message;
  }
}

/**
 * Follows the slot until `signal` aborts: `store` gets the changes in the order of their commits, one call at a time,
 * and the database is told that they may be forgotten only when it has returned. What was stored and not yet told so
 * comes again after a kill, with the same ids. Throws ERR_CHANGES_UNAVAILABLE when the connection is lost,
 * ERR_CHANGES_LOST when the database has thrown away what was not stored.
 */
export async function followChanges(
  source: ChangeSource,
  store: (changes: readonly Change[]) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const slot = await slotOf(source);
  if (slot === null)
    throw unprepared(`there is no slot ${source.slot}`, `baton connections restart <connection>`);
  if (slot.walStatus === 'lost')
    throw new BatonError('ERR_CHANGES_LOST', {
      detail: `The slot ${source.slot} is lost: the database kept less than was not stored yet (max_slot_wal_keep_size).`,
    });
  const keys = await keysOf(source);
  const service = new LogicalReplicationService(
    { connectionString: source.url.reveal(), application_name: 'baton-changes', keepAlive: true },
    { acknowledge: { auto: false, timeoutSeconds: 0 }, flowControl: { enabled: true } },
  );
  const batch = createBatch(store);
  const reader = createReader(keys);
  let told = slot.confirmedLsn;
  let heartbeat: { readonly lsn: string; readonly atMs: number } | null = null;
  let heardAtMs = Date.now();
  let failure: unknown = null;

  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const stop = () => {
    hangUp(service);
    end();
  };
  const fail = (error: unknown) => {
    failure ??= error;
    stop();
  };
  const tell = async (lsn: string) => {
    told = later(told, lsn);
    await service.acknowledge(told);
  };
  const flush = () =>
    batch.flush().then(
      (lsn) => (lsn === null ? undefined : tell(lsn)),
      (error: unknown) => fail(error),
    );

  service.on('data', async (_lsn: string, message: Pgoutput.Message) => {
    heardAtMs = Date.now();
    if (signal.aborted || failure !== null) return;
    const { changes, committed } = reader.read(message);
    for (const change of changes) batch.add(change);
    if (committed !== null) batch.commit(committed);
    if (batch.isFull()) await flush();
  });
  service.on('heartbeat', (lsn: string, _time: number, wantsAnswer: boolean) => {
    heartbeat = { lsn, atMs: Date.now() };
    if (wantsAnswer) void service.acknowledge(told).catch(() => {});
  });
  service.on('error', fail);
  // It was still connecting when it was to end.
  service.on('start', () => {
    if (signal.aborted || failure !== null) hangUp(service);
  });
  const flushing = setInterval(() => void flush(), waitMs);
  const saying = setInterval(() => {
    // Nothing has come for long: what the database has written since concerns other tables, and may be forgotten.
    const isIdle = batch.isEmpty() && !reader.isInTransaction() && Date.now() - heardAtMs > sayEveryMs;
    if (isIdle && heartbeat !== null && heartbeat.atMs > heardAtMs) void tell(heartbeat.lsn).catch(() => {});
    else void service.acknowledge(told).catch(() => {});
  }, sayEveryMs);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    const plugin = new TextPlugin({ protoVersion: 1, publicationNames: [source.publication] });
    // Not waited for to its end: where the stream is paused, or not connected yet, it may not hear of it.
    const subscribed = service.subscribe(plugin, source.slot, told);
    subscribed.catch(() => {});
    await Promise.race([subscribed, ended]);
  } catch (error) {
    failure ??= error;
  } finally {
    clearInterval(flushing);
    clearInterval(saying);
    signal.removeEventListener('abort', stop);
    await batch.settled();
    stop();
    void service.stop().catch(() => {});
  }
  if (signal.aborted) return;
  throw toChangesError('following the changes', failure ?? new Error('the connection ended'));
}

/** Ends its connection at once: a polite end is never read where the stream is paused. */
function hangUp(service: LogicalReplicationService): void {
  const { _connection: connection } = service as unknown as {
    readonly _connection: { readonly stream?: Socket } | null;
  };
  connection?.stream?.destroy();
}

/** Changes that wait to be stored; one call of `store` at a time, in order. */
function createBatch(store: (changes: readonly Change[]) => Promise<void>) {
  let waiting: Change[] = [];
  let bytes = 0;
  let committed: string | null = null;
  let storing: Promise<unknown> = Promise.resolve();
  let underWay = 0;
  /** What comes behind something that was not stored must not be told to be. */
  let isBroken = false;
  return {
    add(change: Change): void {
      waiting.push(change);
      bytes += change.body.length;
    },
    commit(lsn: string): void {
      committed = lsn;
    },
    isFull: () => waiting.length >= mostChanges || bytes >= mostBytes,
    isEmpty: () => waiting.length === 0 && underWay === 0,
    /** Answers up to where everything is stored; null when that is where it was. */
    flush(): Promise<string | null> {
      const changes = waiting;
      const lsn = committed;
      if (changes.length === 0 && lsn === null) return Promise.resolve(null);
      waiting = [];
      bytes = 0;
      committed = null;
      underWay += 1;
      const done = storing.then(async () => {
        try {
          if (isBroken) throw new Error('what came before was not stored');
          if (changes.length > 0) await store(changes);
          return lsn;
        } catch (error) {
          isBroken = true;
          throw error;
        } finally {
          underWay -= 1;
        }
      });
      storing = done.catch(() => {});
      return done;
    },
    settled: () => storing,
  };
}

/** From the messages of the protocol to changes. https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html */
function createReader(keys: ReadonlyMap<string, readonly string[]>) {
  let transaction: { lsn: string; xid: number; committedAt: Date; ordinal: number } | null = null;

  function row(relation: Pgoutput.MessageRelation, tuple: Record<string, unknown>): CellText[] {
    return relation.columns.map(({ name, typeOid }) => ({
      name,
      typeOid,
      text: tuple[name] as string | null,
    }));
  }

  function keyOf(relation: Pgoutput.MessageRelation, tuple: Record<string, unknown>): CellText[] {
    const primary = keys.get(`${relation.schema}.${relation.name}`) ?? [];
    // Where all columns identify a row, its primary key does so more shortly.
    const names = relation.replicaIdentity === 'full' || primary.length > 0 ? primary : relation.keyColumns;
    return row(relation, tuple).filter(({ name, text }) => names.includes(name) && text !== undefined);
  }

  function change(
    relation: Pgoutput.MessageRelation,
    operation: Operation,
    tuples: {
      readonly key: Record<string, unknown>;
      readonly before: Record<string, unknown> | null;
      readonly after: Record<string, unknown> | null;
    },
  ): Change {
    if (transaction === null) throw new Error('a change came outside of a transaction');
    transaction.ordinal += 1;
    const { lsn, xid, committedAt, ordinal } = transaction;
    return changeOf({
      table: `${relation.schema}.${relation.name}`,
      operation,
      lsn,
      ordinal,
      xid,
      committedAt,
      key: keyOf(relation, tuples.key),
      before:
        tuples.before === null ? null : row(relation, tuples.before).filter(({ text }) => text !== undefined),
      after: tuples.after === null ? null : row(relation, tuples.after),
    });
  }

  return {
    isInTransaction: () => transaction !== null,
    read(message: Pgoutput.Message): {
      readonly changes: readonly Change[];
      readonly committed: string | null;
    } {
      const nothing = { changes: [], committed: null };
      switch (message.tag) {
        case 'begin':
          transaction = {
            lsn: message.commitLsn ?? '',
            xid: message.xid >>> 0,
            committedAt: new Date(Number(BigInt(String(message.commitTime)) / 1000n)),
            ordinal: 0,
          };
          return nothing;
        case 'commit':
          transaction = null;
          return { changes: [], committed: message.commitEndLsn };
        case 'insert': {
          const { relation, new: after } = message;
          return { ...nothing, changes: [change(relation, 'insert', { key: after, before: null, after })] };
        }
        case 'update': {
          const { relation, key, old, new: after } = message;
          return {
            ...nothing,
            changes: [change(relation, 'update', { key: after, before: old ?? key, after })],
          };
        }
        case 'delete': {
          const before = message.old ?? message.key ?? {};
          return {
            ...nothing,
            changes: [change(message.relation, 'delete', { key: before, before, after: null })],
          };
        }
        case 'truncate': {
          const emptied = message.relations.map((relation) =>
            change(relation, 'truncate', { key: {}, before: null, after: null }),
          );
          return { ...nothing, changes: emptied };
        }
        default:
          return nothing;
      }
    },
  };
}

/** The later of two positions in the log: `16/B374D848`. */
export function later(one: string, other: string): string {
  return position(one) >= position(other) ? one : other;
}

function position(lsn: string): bigint {
  const [high = '0', low = '0'] = lsn.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
