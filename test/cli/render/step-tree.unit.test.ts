import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createStepTree } from '../../../src/cli/render/step-tree.js';
import type { RunProgress, StepProgress } from '../../../src/protocol/run.js';

const at = Date.parse('2026-01-31T06:00:10Z');

function step(id: string, state: StepProgress['state'], more: Partial<StepProgress> = {}): StepProgress {
  return {
    id,
    title: `${id} something`,
    state,
    attempt: 1,
    startedAt: state === 'pending' ? null : '2026-01-31T06:00:00Z',
    endedAt: state === 'succeeded' || state === 'failed' ? '2026-01-31T06:00:04.100Z' : null,
    counts: {},
    detail: null,
    ...more,
  };
}

function progress(...steps: StepProgress[]): RunProgress {
  const run = {
    id: 'run/p/default-x',
    pipeline: 'p',
    tenant: 'default',
    logicalTime: '2026-01-31T06:00:00Z',
  };
  return { ...run, state: 'running', steps };
}

function written() {
  const chunks: string[] = [];
  return { stream: { write: (text: string) => chunks.push(text), columns: 80 }, chunks };
}

describe('the plain tree', () => {
  it('prints one line per change of state, and running steps every five seconds', () => {
    const { stream, chunks } = written();
    let now = at;
    const tree = createStepTree({ stream, live: false, color: false, label: '7f3a', now: () => now });
    tree.update(progress(step('extract', 'running'), step('load', 'pending')));
    tree.update(progress(step('extract', 'running', { counts: { read: 500 } }), step('load', 'pending')));
    now += 5_000;
    tree.update(progress(step('extract', 'running', { counts: { read: 1240 } }), step('load', 'pending')));
    tree.update(progress(step('extract', 'succeeded', { counts: { read: 3000 } }), step('load', 'running')));
    const waiting = { attempt: 2, detail: '429 Too Many Requests, next in 3 s' };
    tree.update(
      progress(step('extract', 'succeeded', { counts: { read: 3000 } }), step('load', 'retrying', waiting)),
    );
    tree.close();
    expect(chunks.join('').replaceAll('\u202f', ' ').split('\n')).toEqual([
      '▶ p  run 7f3a  2026-01-31T06:00:00Z',
      '  ▸ extract  extract something  running  10.0 s',
      '  ▸ extract  extract something  running  1 240 read  15.0 s',
      '  ✓ extract  extract something  succeeded  3 000 read  4.1 s',
      '  ▸ load  load something  running  15.0 s',
      '  ↻ load  load something  retrying  attempt 2  429 Too Many Requests, next in 3 s  15.0 s',
      '',
    ]);
    expect(chunks.join('')).not.toContain('\u001b');
  });
});

describe('the live tree', () => {
  it('redraws in place, never wider than the terminal, and gives the cursor back', () => {
    const { stream, chunks } = written();
    const hint = 'Ctrl-C detaches';
    const tree = createStepTree({ stream, live: true, color: false, hint, now: () => at });
    tree.update(progress(step('extract', 'running'), step('load', 'pending', { title: 'x'.repeat(200) })));
    tree.update(progress(step('extract', 'succeeded', { counts: { read: 3000 } }), step('load', 'running')));
    tree.say('a line above');
    tree.close();
    tree.close();
    const all = chunks.join('');
    expect(all.startsWith('\u001b[?25l')).toBe(true);
    expect(all.endsWith('\u001b[?25h')).toBe(true);
    expect(screen(all)).toEqual([
      'a line above',
      '▶ p  2026-01-31T06:00:00Z',
      '  ✓ extract  extract something  3\u202f000 read  4.1 s',
      '  ⠋ load     load something     10.0 s',
    ]);
    for (const line of visibleLines(all)) expect([...line].length).toBeLessThan(80);
  });
});

const control = String.fromCharCode(27);

/** What a terminal shows after all of it: lines, cursor up, and erase below. */
function screen(text: string): readonly string[] {
  const lines: string[] = [];
  const [first = '', ...redraws] = text.split(`${control}[0J`);
  lines.push(...visibleLines(first));
  let before = first;
  for (const redraw of redraws) {
    lines.length -= Number(before.match(/\[(\d+)A$/)?.[1]);
    lines.push(...visibleLines(redraw));
    before = redraw;
  }
  return lines;
}

function visibleLines(text: string): readonly string[] {
  return stripVTControlCharacters(text).split('\n').slice(0, -1);
}
