import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BatonConfig,
  type ChangePlace,
  changeConnections,
  changePlace,
  eventRules,
} from '../config/index.js';
import { connectors } from '../connectors/registry.js';
import type { InboxStore, NewEvent } from '../control/inbox.js';
import type { ReplicationStore } from '../control/replications.js';
import type { Change } from '../database/changes/change.js';
import { followChanges } from '../database/changes/follow.js';
import { checkSource, createSlot, dropSlot, slotOf, unprepared } from '../database/changes/source.js';
import { type Lock, tryLock } from '../database/lock.js';
import type { Database } from '../database/postgres.js';
import type { EventRule } from '../domain/event.js';
import { classify } from '../events/reading.js';
import type { Logger } from '../observability/logger.js';
import { BatonError, describeError } from '../protocol/errors.js';

export interface FollowDeps {
  readonly control: Database;
  readonly inbox: Pick<InboxStore, 'acceptOnce'>;
  readonly replications: ReplicationStore;
  readonly log: Logger;
}

/** Another process follows the database: it is looked again whether it still does. */
const heldByOthersMs = 2_000;
const shortestPauseMs = 1_000;
const longestPauseMs = 60_000;
/** How often it is looked how far behind we are. */
const lookEveryMs = 5_000;

/**
 * Follows the changes of every database that baton.yaml names: what is there, then each change, into the inbox, once.
 * One process at a time does so for a database; when it is gone another goes on. Never throws: what fails is tried
 * again later and later.
 */
export function followDatabases(config: BatonConfig, deps: FollowDeps): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const rules = eventRules(config);
  const following = changeConnections(config).map((name) =>
    keepFollowing(deps, () => changePlace(config, name, connectors), name, rules, stopping.signal),
  );
  return {
    async stop() {
      stopping.abort();
      await Promise.all(following);
    },
  };
}

async function keepFollowing(
  deps: FollowDeps,
  placeOf: () => ChangePlace,
  name: string,
  rules: readonly EventRule[],
  stopping: AbortSignal,
): Promise<void> {
  let pauseMs = shortestPauseMs;
  let told: string | null = null;
  while (!stopping.aborted) {
    let lock: Lock | null = null;
    try {
      lock = await tryLock(deps.control, `replication:${name}`);
      if (lock === null) {
        await pause(heldByOthersMs, stopping);
        continue;
      }
      await follow(deps, placeOf(), rules, AbortSignal.any([stopping, lock.lost]), () => {
        told = null;
        pauseMs = shortestPauseMs;
      });
    } catch (error) {
      if (stopping.aborted) break;
      const failure =
        error instanceof BatonError
          ? error
          : new BatonError('ERR_INTERNAL', { detail: `Following ${name}: ${(error as Error).message}` });
      const { code, detail, fix } = describeError(failure);
      if (told !== code)
        deps.log.error({ connection: name, code, detail, fix }, 'changes cannot be followed');
      told = code;
      await deps.replications.failed(name, `${detail} (${code})`).catch(() => {});
      await pause(pauseMs, stopping);
      pauseMs = Math.min(2 * pauseMs, longestPauseMs);
    } finally {
      await lock?.release();
    }
  }
}

async function pause(ms: number, until: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: until }).catch(() => {});
}

async function follow(
  deps: FollowDeps,
  place: ChangePlace,
  rules: readonly EventRule[],
  outer: AbortSignal,
  /** Told whenever something was stored. */
  isWell: () => void,
): Promise<void> {
  const { connection, slot } = place;
  await checkSource(place);
  const toEvent = eventOf(
    place,
    rules.filter((rule) => rule.connection === connection),
  );
  const store = async (changes: readonly Change[]) => {
    await deps.inbox.acceptOnce(changes.map(toEvent));
  };
  const known = await deps.replications.find(connection);
  if (known?.state !== 'following') {
    // A slot that nobody here began may be another's.
    if (known === null && (await slotOf(place)) !== null)
      throw unprepared(
        `the slot ${slot} is there already, and was not made by us`,
        `Give the connection another slot; or, if it is ours from before: baton changes restart ${connection}`,
      );
    await deps.replications.begun(connection, slot);
    await dropSlot(place);
    const { rows } = await createSlot(place, { snapshot: place.snapshot, signal: outer }, store);
    await deps.replications.following(connection, rows);
    deps.log.info({ connection, rows }, 'what was there is stored; its changes are followed');
  }
  const ending = new AbortController();
  const looking = setInterval(() => void look(deps, place, ending), lookEveryMs);
  try {
    await followChanges(
      place,
      async (changes) => {
        await store(changes);
        isWell();
        await deps.replications.stored(connection, changes.length, changes.at(-1)?.committedAt ?? new Date());
      },
      AbortSignal.any([outer, ending.signal]),
    );
  } finally {
    clearInterval(looking);
  }
}

/** How far behind we are; and whether somebody wants it to begin anew. */
async function look(deps: FollowDeps, place: ChangePlace, ending: AbortController): Promise<void> {
  try {
    const slot = await slotOf(place);
    if (slot !== null) await deps.replications.seen(place.connection, slot.lagBytes, slot.walStatus);
    if ((await deps.replications.find(place.connection))?.state === 'snapshot') ending.abort();
  } catch (error) {
    deps.log.debug(
      { connection: place.connection, detail: (error as Error).message },
      'the lag could not be read',
    );
  }
}

/** A change as the inbox takes it, by the rules of its connection. */
function eventOf(place: ChangePlace, rules: readonly EventRule[]): (change: Change) => NewEvent {
  const { connection, tenant } = place;
  const needsContent = rules.some(({ when }) => when !== undefined);
  return ({ id, type, subject, committedAt, body }) => {
    const facts = { connection, tenant, type, subject };
    const content: unknown = needsContent ? JSON.parse(body.toString('utf8')) : null;
    return {
      ...facts,
      ...classify(rules, facts, { refused: null, content }),
      deliveryId: id,
      resendMs: 0,
      contentType: 'application/json',
      headers: {},
      body,
      occurredAt: committedAt,
    };
  };
}
