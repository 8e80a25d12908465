import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CommandEnd,
  nextMove,
  type SagaSettings,
  type SagaSituation,
} from '../../src/domain/fulfilment.js';

const steps = ['a', 'b', 'c', 'd'].map((name) => ({
  name,
  connection: name,
  do: 'do',
  ...(name === 'c' ? {} : { undo: 'undo' }),
}));
const settings: SagaSettings = { approveAbove: {}, byDefault: 'reject', steps };

/** Plays a saga against services that answer as told; what was asked of them, in order. */
function play(refused: ReadonlySet<string>, decision: 'approve' | null) {
  const ends: Record<string, { do: CommandEnd; undo: CommandEnd }> = {};
  const asked: string[] = [];
  for (let turn = 0; turn < 50; turn += 1) {
    const situation: SagaSituation = { decision, needsDecision: decision !== null, isTooLate: false, ends };
    const move = nextMove(settings, situation);
    if (move.next === null) return { state: move.state, asked };
    const { step, way } = move.next;
    asked.push(`${way}:${step.name}`);
    const end: CommandEnd = refused.has(`${way}:${step.name}`)
      ? { kind: 'dead', reason: 'no' }
      : { kind: 'done', remoteId: `${way}-${step.name}` };
    const before = ends[step.name] ?? { do: { kind: 'none' }, undo: { kind: 'none' } };
    // While it is under way nothing else is asked for.
    ends[step.name] = { ...before, [way]: { kind: 'open' } };
    expect(nextMove(settings, { ...situation, ends }).next).toBeNull();
    ends[step.name] = { ...before, [way]: end };
  }
  throw new Error('it does not end');
}

describe('a saga', () => {
  it('does all in order, or takes back what it did in reverse, whatever is refused', () => {
    const commands = steps.flatMap(({ name }) => [`do:${name}`, `undo:${name}`]);
    fc.assert(
      fc.property(fc.subarray(commands), fc.constantFrom('approve' as const, null), (refused, decision) => {
        const { state, asked } = play(new Set(refused), decision);
        const names = steps.map(({ name }) => name);
        const broken = names.findIndex((name) => refused.includes(`do:${name}`));
        if (broken === -1) {
          expect([state, asked]).toEqual(['fulfilled', names.map((name) => `do:${name}`)]);
          return;
        }
        const done = names.slice(0, broken + 1).map((name) => `do:${name}`);
        const back = names
          .slice(0, broken)
          .reverse()
          .filter((name) => name !== 'c')
          .map((name) => `undo:${name}`);
        const stop = back.findIndex((name) => refused.includes(name));
        expect(asked).toEqual([...done, ...(stop === -1 ? back : back.slice(0, stop + 1))]);
        expect(state).toBe(stop === -1 ? 'compensated' : 'stuck');
      }),
      { numRuns: 500 },
    );
  });

  it('waits for a person, and takes the default when nobody decides in time', () => {
    const open: SagaSituation = { decision: null, needsDecision: true, isTooLate: false, ends: {} };
    expect(nextMove(settings, open)).toMatchObject({ state: 'waiting', next: null, decision: null });
    expect(nextMove(settings, { ...open, isTooLate: true })).toMatchObject({
      state: 'rejected',
      decision: 'reject',
    });
    const lenient = { ...settings, byDefault: 'approve' as const };
    expect(nextMove(lenient, { ...open, isTooLate: true })).toMatchObject({
      state: 'running',
      decision: 'approve',
      next: { way: 'do' },
    });
    expect(nextMove(settings, { ...open, decision: 'reject' })).toMatchObject({
      state: 'rejected',
      next: null,
    });
    // What was decided is not decided again by the clock.
    expect(nextMove(settings, { ...open, decision: 'approve', isTooLate: true })).toMatchObject({
      state: 'running',
    });
  });
});
