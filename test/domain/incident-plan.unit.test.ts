import { describe, expect, it } from 'vitest';
import { type Answers, planIncident, type Told } from '../../src/domain/incident-plan.js';
import type { Incident } from '../../src/domain/triage.js';

const began = Date.parse('2026-11-20T10:00:00Z');
const minuteMs = 60_000;
const at = (minutes: number) => new Date(began + minutes * minuteMs).toISOString();

const open: Incident = {
  cause: 'name=DiskFull',
  episode: 1,
  state: 'open',
  title: 'DiskFull',
  severity: 'warning',
  priority: 'low',
  services: ['db'],
  symptoms: [],
  ended: {},
  rounds: 0,
  recurrences: 0,
  changes: [],
  heldUntil: null,
  openedAt: at(0),
  lastAlertAt: at(0),
  resolvedAt: null,
};
const ended: Incident = { ...open, state: 'resolved', resolvedAt: at(1) };
const takenUp: Incident = { ...open, acknowledged: { by: 'maria', at: at(4), note: null } };
const ticket = { id: '7', url: 'https://desk.example.com/7' };

/** Lives through an incident: what is told at each moment, everything being confirmed at once. */
function live(
  steps: readonly { readonly minute: number; readonly incident: Incident; readonly quietUntil?: string }[],
  levelsMs: readonly number[] = [0, 15 * minuteMs, 45 * minuteMs],
) {
  let told: Told = {};
  const answers = (): Answers => ({
    ticket: told.opened === true ? ticket : null,
    messages: levelsMs.map((_, level) => (told.messages?.[level] === undefined ? null : `m${level}`)),
  });
  return steps.map(({ minute, incident, quietUntil }) => {
    const words: string[] = [];
    let dueInMs: number | null = null;
    for (let turn = 0; turn < 5; turn += 1) {
      const options = { rollUpMs: minuteMs, levelsMs, quietUntil: quietUntil ?? null, now: at(minute) };
      const plan = planIncident(incident, told, answers(), options);
      expect(planIncident(incident, told, answers(), options)).toEqual(plan);
      words.push(...plan.tellings.map((one) => ('level' in one ? `${one.kind} ${one.level}` : one.kind)));
      told = plan.told;
      dueInMs = plan.dueInMs;
    }
    return { words, dueInMinutes: dueInMs === null ? null : dueInMs / minuteMs };
  });
}

describe('who is told of an incident', () => {
  it('is the next one when nobody has taken it up for so long, once each; all hear of its end', () => {
    expect(
      live([
        { minute: 0, incident: open },
        { minute: 14, incident: open },
        { minute: 15, incident: open },
        { minute: 44, incident: open },
        { minute: 46, incident: open },
        { minute: 500, incident: open },
        { minute: 501, incident: ended },
      ]),
    ).toEqual([
      { words: ['open', 'message 0'], dueInMinutes: 15 },
      { words: [], dueInMinutes: 1 },
      { words: ['message 1'], dueInMinutes: 30 },
      { words: [], dueInMinutes: 1 },
      { words: ['message 2'], dueInMinutes: null },
      { words: [], dueInMinutes: null },
      { words: ['resolve', 'close 0', 'close 1', 'close 2'], dueInMinutes: null },
    ]);
  });

  it('is nobody else from when somebody has, which the ticket and all who were told hear once', () => {
    expect(
      live([
        { minute: 0, incident: open },
        { minute: 15, incident: open },
        { minute: 20, incident: takenUp },
        { minute: 90, incident: takenUp },
        { minute: 91, incident: { ...takenUp, state: 'resolved', resolvedAt: at(91) } },
      ]).map(({ words }) => words),
    ).toEqual([
      ['open', 'message 0'],
      ['message 1'],
      ['taken_up', 'acknowledge 0', 'acknowledge 1'],
      [],
      ['resolve', 'close 0', 'close 1'],
    ]);
  });

  it('in quiet hours is nobody before their end, and the others count from then', () => {
    const quietUntil = at(480);
    expect(
      live([
        { minute: 0, incident: open, quietUntil },
        { minute: 100, incident: open, quietUntil },
        { minute: 480, incident: open },
        { minute: 494, incident: open },
        { minute: 495, incident: open },
      ]),
    ).toEqual([
      { words: ['open'], dueInMinutes: 480 },
      { words: [], dueInMinutes: 380 },
      { words: ['message 0'], dueInMinutes: 15 },
      { words: [], dueInMinutes: 1 },
      { words: ['message 1'], dueInMinutes: 30 },
    ]);
  });

  it('in quiet hours is nobody of what ends, or is taken up, before theirs', () => {
    const quietUntil = at(480);
    expect(
      live([
        { minute: 0, incident: open, quietUntil },
        { minute: 60, incident: ended, quietUntil },
      ]).map(({ words }) => words),
    ).toEqual([['open'], ['resolve']]);
    expect(
      live([
        { minute: 0, incident: open, quietUntil },
        { minute: 60, incident: takenUp, quietUntil },
        { minute: 480, incident: takenUp },
      ]).map(({ words }) => words),
    ).toEqual([['open'], ['taken_up'], []]);
  });

  it('hears again of the end of what fired on after it', () => {
    const again = { ...open, rounds: 1 };
    expect(
      live([
        { minute: 0, incident: open },
        { minute: 1, incident: ended },
        { minute: 2, incident: again },
        { minute: 3, incident: { ...again, state: 'resolved', resolvedAt: at(3) } },
      ]).map(({ words }) => words),
    ).toEqual([['open', 'message 0'], ['resolve', 'close 0'], ['reopen'], ['resolve', 'close 0']]);
  });

  it('is nobody a second time of an incident of which an earlier build has told', () => {
    const told = { opened: true, priority: 'low', recurrences: 0, messaged: true, resolved: true } as const;
    const answers = { ticket, messages: ['m0'] };
    const options = { rollUpMs: minuteMs, levelsMs: [0], quietUntil: null, now: at(9) };
    expect(planIncident(ended, told, answers, options).tellings).toEqual([
      { kind: 'close', level: 0, thread: 'm0', ticketUrl: ticket.url },
    ]);
    expect(planIncident(ended, { ...told, closed: true }, answers, options).tellings).toEqual([]);
  });
});
