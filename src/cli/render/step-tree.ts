import { toLogicalTime } from '../../protocol/names.js';
import type { RunProgress, StepProgress, StepState } from '../../protocol/run.js';
import { createStyle, formatCounted, formatSeconds, type Style, truncate } from './style.js';

/** Where the tree is drawn: stderr, or something that stands for it. */
export interface TreeStream {
  write(text: string): unknown;
  readonly columns?: number;
}

export interface StepTreeOptions {
  readonly stream: TreeStream;
  /** Whether what was written may be redrawn; otherwise one plain line per change of state. */
  readonly live: boolean;
  readonly color: boolean;
  /** Shown in the first line: the short id. */
  readonly label?: string;
  /** Shown under the steps while they run. */
  readonly hint?: string;
  readonly now?: () => number;
}

export interface StepTree {
  update(progress: RunProgress): void;
  /** A line above the tree. */
  say(line: string): void;
  /** Draws the last state for good and shows the cursor again. Safe to call twice. */
  close(): void;
}

const icons: Readonly<Record<StepState, string>> = {
  pending: '◌',
  running: '▸',
  retrying: '↻',
  succeeded: '✓',
  skipped: '–',
  failed: '✗',
  cancelled: '⊘',
};
const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';

/** The steps of a run as they go: a tree that is redrawn in place, or plain lines where that is not possible. */
export function createStepTree(options: StepTreeOptions): StepTree {
  return options.live ? createLiveTree(options) : createPlainTree(options);
}

function createLiveTree(options: StepTreeOptions): StepTree {
  const { stream, now = Date.now } = options;
  const style = createStyle(options.color);
  let progress: RunProgress | null = null;
  let drawn = 0;
  let frame = 0;
  let closed = false;
  const clear = (): string => (drawn === 0 ? '' : `\u001b[${drawn}A\u001b[0J`);
  const draw = (final: boolean): void => {
    if (progress === null) return;
    const width = Math.max(20, (stream.columns ?? 80) - 1);
    const spinner = frames[frame % frames.length] ?? '▸';
    const lines = treeLines(progress, { style, width, now: now(), spinner, label: options.label ?? '' });
    if (!final && options.hint !== undefined) lines.push(style.dim(truncate(`  ${options.hint}`, width)));
    stream.write(`${clear()}${lines.map((line) => `${line}\n`).join('')}`);
    drawn = final ? 0 : lines.length;
  };
  stream.write(hideCursor);
  const timer = setInterval(() => {
    frame += 1;
    draw(false);
  }, 120);
  timer.unref();
  return {
    update(next) {
      progress = next;
      draw(false);
    },
    say(line) {
      stream.write(`${clear()}${line}\n`);
      drawn = 0;
      draw(false);
    },
    close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      draw(true);
      stream.write(showCursor);
    },
  };
}

/** A line when a step changes its state, and every five seconds how far the running ones are. */
function createPlainTree(options: StepTreeOptions): StepTree {
  const { stream, now = Date.now } = options;
  const style = createStyle(options.color);
  const seen = new Map<string, string>();
  const saidAt = new Map<string, number>();
  let started = false;
  return {
    update(progress) {
      if (!started) stream.write(`${headline(progress, options.label ?? '', style)}\n`);
      started = true;
      for (const step of progress.steps) {
        const key = `${step.state} ${step.attempt}`;
        const changed = seen.get(step.id) !== key && step.state !== 'pending';
        const due = step.state === 'running' && now() - (saidAt.get(step.id) ?? now()) >= 5_000;
        if (!changed && !due) continue;
        seen.set(step.id, key);
        saidAt.set(step.id, now());
        const line = stepLine(step, { idWidth: 0, titleWidth: 0 }, now());
        stream.write(`  ${paint(step.state, icons[step.state], style)} ${line}\n`);
      }
    },
    say(line) {
      stream.write(`${line}\n`);
    },
    close() {},
  };
}

/** The finished tree as text, for `runs show`. */
export function renderSteps(progress: RunProgress, style: Style, width: number): string {
  const lines = treeLines(progress, { style, width, now: Date.now(), spinner: icons.running, label: '' });
  return lines.slice(1).join('\n');
}

interface Drawing {
  readonly style: Style;
  readonly width: number;
  readonly now: number;
  readonly spinner: string;
  readonly label: string;
}

function treeLines(progress: RunProgress, drawing: Drawing): string[] {
  const { style, width, now, spinner, label } = drawing;
  const { steps } = progress;
  const widths = {
    idWidth: Math.max(0, ...steps.map((step) => step.id.length)),
    titleWidth: Math.min(44, Math.max(0, ...steps.map((step) => shownTitle(step).length))),
  };
  return [
    headline(progress, label, style),
    ...steps.map((step) => {
      const icon = step.state === 'running' ? spinner : icons[step.state];
      const text = truncate(stepLine(step, widths, now), width - 4);
      return `  ${paint(step.state, icon, style)} ${step.state === 'pending' ? style.dim(text) : text}`;
    }),
  ];
}

function headline(progress: RunProgress, label: string, style: Style): string {
  const run = label === '' ? [] : [`run ${label}`];
  const time = toLogicalTime(new Date(progress.logicalTime));
  return `▶ ${[style.bold(progress.pipeline), ...run, time].join('  ')}`;
}

function shownTitle(step: StepProgress): string {
  return step.title === step.id ? '' : step.title;
}

function stepLine(step: StepProgress, widths: { idWidth: number; titleWidth: number }, now: number): string {
  const { idWidth, titleWidth } = widths;
  const counts = Object.entries(step.counts).map(([name, count]) => formatCounted(count, name));
  const attempt = step.attempt > 1 && step.state !== 'succeeded' ? [`attempt ${step.attempt}`] : [];
  const parts = [
    step.id.padEnd(idWidth),
    shownTitle(step).padEnd(titleWidth),
    ...(idWidth === 0 ? [step.state] : []),
    ...counts,
    ...attempt,
    ...(step.detail === null ? [] : [step.detail]),
    ...elapsed(step, now),
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function elapsed(step: StepProgress, now: number): readonly string[] {
  if (step.startedAt === null) return [];
  const end = step.endedAt === null ? now : Date.parse(step.endedAt);
  return [formatSeconds(Math.max(0, end - Date.parse(step.startedAt)))];
}

function paint(state: StepState, icon: string, style: Style): string {
  if (state === 'succeeded') return style.green(icon);
  if (state === 'failed' || state === 'cancelled') return style.red(icon);
  if (state === 'retrying') return style.yellow(icon);
  return state === 'running' ? style.cyan(icon) : style.dim(icon);
}
