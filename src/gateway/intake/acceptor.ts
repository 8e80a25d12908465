import type { Accepted, NewEvent } from '../../control/inbox.js';
import { BatonError } from '../../protocol/errors.js';

/** One commit stores so many at most … */
const mostEvents = 500;
/** … and so many bytes of bodies. */
const mostBytes = 4_194_304;
/** Commits under way at once: while one is flushed to disk the next is being sent. */
const mostCommits = 2;
/** What waits beyond this is refused, to be sent again: a sender that waits for long gives up anyway. */
const mostWaitingEvents = 4_000;
const mostWaitingBytes = 67_108_864;

interface Waiting {
  readonly event: NewEvent;
  readonly resolve: (accepted: Accepted) => void;
  readonly reject: (error: unknown) => void;
}

export interface AcceptorOptions {
  readonly store: (events: readonly NewEvent[]) => Promise<readonly Accepted[]>;
  /** Longer than this nobody is kept waiting; what is stored nevertheless is a duplicate when it comes again. */
  readonly deadlineMs: number;
}

export interface Acceptor {
  /**
   * Resolves when the event is committed. ERR_EVENTS_OVERLOAD when too many wait, ERR_CONTROL_UNAVAILABLE when the
   * database does not answer in time: in both cases the sender is to send it again.
   */
  accept(event: NewEvent): Promise<Accepted>;
  /** Resolves when what waits has been stored or refused. */
  drain(): Promise<void>;
}

/** Stores events in batched commits: those that come while one is under way go together into the next. */
export function createAcceptor({ store, deadlineMs }: AcceptorOptions): Acceptor {
  const waiting: Waiting[] = [];
  const commits = new Set<Promise<void>>();
  let bytes = 0;

  function take(): Waiting[] {
    let size = 0;
    let count = 0;
    for (const { event } of waiting) {
      size += event.body.length;
      if (count === mostEvents || (count > 0 && size > mostBytes)) break;
      count += 1;
    }
    const batch = waiting.splice(0, count);
    bytes -= batch.reduce((sum, { event }) => sum + event.body.length, 0);
    return batch;
  }

  async function commit(batch: readonly Waiting[]): Promise<void> {
    try {
      const accepted = await store(batch.map(({ event }) => event));
      for (const [at, { resolve }] of batch.entries()) resolve(accepted[at] as Accepted);
    } catch (error) {
      // One that the database will not have must not take the others with it.
      const isFault = error instanceof BatonError && error.error === 'ERR_CONTROL_REFUSED';
      if (isFault && batch.length > 1) for (const one of batch) await commit([one]);
      else for (const { reject } of batch) reject(error);
    }
  }

  function pump(): void {
    while (waiting.length > 0 && commits.size < mostCommits) {
      const under: Promise<void> = commit(take()).finally(() => {
        commits.delete(under);
        pump();
      });
      commits.add(under);
    }
  }

  return {
    accept(event) {
      if (waiting.length >= mostWaitingEvents || bytes + event.body.length > mostWaitingBytes)
        return Promise.reject(
          new BatonError('ERR_EVENTS_OVERLOAD', { detail: `${waiting.length} events wait to be stored.` }),
        );
      return new Promise((resolve, reject) => {
        const tooLate = () =>
          reject(
            new BatonError('ERR_CONTROL_UNAVAILABLE', {
              detail: `Storing an event took longer than ${deadlineMs} ms.`,
            }),
          );
        const timer = setTimeout(tooLate, deadlineMs);
        waiting.push({
          event,
          resolve(accepted) {
            clearTimeout(timer);
            resolve(accepted);
          },
          reject(error) {
            clearTimeout(timer);
            reject(error);
          },
        });
        bytes += event.body.length;
        pump();
      });
    },
    async drain() {
      while (commits.size > 0) await Promise.all(commits);
    },
  };
}
