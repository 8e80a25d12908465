import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alert } from '../../src/domain/alert.js';
import { type Incident, ignoredBy, settle, type TriageSettings, triage } from '../../src/domain/triage.js';

const settings: TriageSettings = {
  ignore: [{ name: 'watchdog', labels: { name: 'Watch*' } }],
  groupBy: ['name', 'cluster'],
  windowMs: 86_400_000,
  priority: { critical: 'high', error: 'normal', warning: 'low', info: 'low' },
  wideFrom: 3,
  flapping: { changes: 4, withinMs: 600_000, quietMs: 900_000 },
  rollUpMs: 600_000,
};
const start = Date.parse('2026-11-20T10:00:00Z');
const time = (minute: number) => new Date(start + minute * 60_000).toISOString();
const now = time(10_000);

function alert(more: Partial<Alert> & { minute?: number } = {}): Alert {
  const { minute = 0, ...given } = more;
  return {
    fingerprint: 'a',
    status: 'firing',
    severity: 'error',
    service: 'shop',
    name: 'Down',
    title: 'Something is down',
    labels: { cluster: 'eu' },
    startsAt: time(minute),
    at: time(minute),
    url: null,
    ...given,
  };
}
const ended = (fingerprint: string, began: number, end: number) =>
  alert({ fingerprint, status: 'resolved', startsAt: time(began), at: time(end) });

/** All of them, one after the other; answers every incident there was, in its last state. */
function run(alerts: readonly Alert[]) {
  const all: Incident[] = [];
  const kinds = alerts.map((one) => {
    const { incident, decision } = triage(all.at(-1) ?? null, one, settings, now);
    if (incident !== null) {
      if (all.at(-1)?.episode === incident.episode) all.pop();
      all.push(incident);
    }
    return decision.kind;
  });
  return { all, kinds, last: all.at(-1) };
}

describe('triage', () => {
  it('opens one incident, joins, recurs, and resolves when the last alert has ended', () => {
    const { all, kinds, last } = run([
      alert(),
      alert({ fingerprint: 'b', minute: 1, severity: 'critical', service: 'pay' }),
      alert({ fingerprint: 'c', minute: 2, service: 'mail' }),
      alert({ fingerprint: 'a' }),
      ended('a', 0, 30),
      alert({ minute: 40 }),
      ended('a', 40, 50),
      ended('b', 1, 51),
      ended('c', 2, 52),
    ]);
    expect(kinds).toEqual([
      'opened',
      'joined',
      'joined',
      'repeated',
      'resolved',
      'recurred',
      'resolved',
      'resolved',
      'resolved',
    ]);
    expect(all).toHaveLength(1);
    // Critical is high, and three services make it one step more.
    expect(last).toMatchObject({
      state: 'resolved',
      severity: 'critical',
      priority: 'urgent',
      recurrences: 1,
      resolvedAt: time(52),
    });
    expect(last?.services).toEqual(['mail', 'pay', 'shop']);
  });

  it('opens a new one for what fires after the end, and none for what fired before it', () => {
    const { all, kinds } = run([
      alert(),
      ended('a', 0, 5),
      alert(),
      alert({ minute: 3 }),
      alert({ minute: 16 }),
    ]);
    expect(kinds).toEqual(['opened', 'resolved', 'stale', 'stale', 'opened']);
    expect(all.map(({ episode, state }) => [episode, state])).toEqual([
      [1, 'resolved'],
      [2, 'open'],
    ]);
  });

  it('opens nothing for an alert whose end came first', () => {
    const { last, kinds } = run([ended('a', 0, 5), alert()]);
    expect(kinds).toEqual(['stale', 'stale']);
    expect(last?.state).toBe('resolved');
  });

  it('opens a new one when nothing was heard of the old one for longer than the window', () => {
    const { all } = run([alert(), alert({ fingerprint: 'b', minute: 1_441 })]);
    expect(all.map(({ episode }) => episode)).toEqual([1, 2]);
    expect(run([alert(), alert({ fingerprint: 'b', minute: 1_440 })]).all).toHaveLength(1);
  });

  it('holds an incident that flaps until it has been quiet', () => {
    const flips = [0, 2, 4].flatMap((minute) => [alert({ minute }), ended('a', minute, minute + 1)]);
    const { last } = run(flips);
    expect(last).toMatchObject({
      state: 'open',
      heldUntil: new Date(Date.parse(now) + 900_000).toISOString(),
    });
    if (last === undefined) return;
    expect(settle(last, now).state).toBe('open');
    expect(settle(last, last.heldUntil ?? '')).toMatchObject({ state: 'resolved', heldUntil: null });
    // Slower than that it does not flap.
    const slow = [0, 30, 60].flatMap((minute) => [alert({ minute }), ended('a', minute, minute + 10)]);
    expect(run(slow).all.map(({ state, heldUntil }) => [state, heldUntil])).toEqual([
      ['resolved', null],
      ['resolved', null],
      ['resolved', null],
    ]);
  });

  it('never lowers the priority of an open incident', () => {
    const { last } = run([alert({ severity: 'critical' }), alert({ severity: 'warning', minute: 1 })]);
    expect(last?.priority).toBe('high');
  });

  it('knows what a rule ignores', () => {
    expect(ignoredBy(alert({ name: 'Watchdog' }), settings)).toBe('watchdog');
    expect(ignoredBy(alert(), settings)).toBeNull();
  });

  it('comes to the same whatever the order and however often each alert arrives', () => {
    // Each thing fires once and may end: what is open in the end is known without any of this.
    const thing = fc.record({
      began: fc.integer({ min: 0, max: 20 }),
      end: fc.option(fc.integer({ min: 21, max: 60 })),
    });
    const story = fc.array(thing, { minLength: 1, maxLength: 6 }).chain((things) => {
      const alerts = things.flatMap(({ began, end }, at) => {
        const fingerprint = `f${at}`;
        const firing = alert({ fingerprint, minute: began, service: `s${at}` });
        return end === null ? [firing] : [firing, ended(fingerprint, began, end)];
      });
      const tripled = [...alerts, ...alerts, ...alerts];
      return fc.tuple(fc.constant(things), fc.shuffledSubarray(tripled, { minLength: tripled.length }));
    });
    fc.assert(
      fc.property(story, ([things, alerts]) => {
        const { last } = run(alerts);
        const firing = things.flatMap(({ end }, at) => (end === null ? [`f${at}`] : []));
        const known = last?.symptoms
          .filter(({ status }) => status === 'firing')
          .map(({ fingerprint }) => fingerprint);
        if (last?.state === 'open') expect(known?.sort()).toEqual(firing.sort());
        else expect(firing).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });
});
