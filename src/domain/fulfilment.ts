/** A saga: the steps that an approved order sets off, and what takes them back when one of them is not to be had. */

export const fulfilmentStates = [
  'waiting',
  'running',
  'compensating',
  'fulfilled',
  'rejected',
  'compensated',
  'stuck',
] as const;
export type FulfilmentState = (typeof fulfilmentStates)[number];

export const fulfilmentIsOver: ReadonlySet<FulfilmentState> = new Set<FulfilmentState>([
  'fulfilled',
  'rejected',
  'compensated',
  'stuck',
]);

export interface SagaStep {
  /** `allocation`. */
  readonly name: string;
  /** Who is asked for it. */
  readonly connection: string;
  /** The command that does it, and the one that takes it back; absent where nothing needs to be. */
  readonly do: string;
  readonly undo?: string | undefined;
}

export const decisions = ['approve', 'reject'] as const;
export type Verdict = (typeof decisions)[number];

export interface SagaSettings {
  /** By currency: an order above it waits for a person. One in a currency that is not named always does. */
  readonly approveAbove: Readonly<Record<string, string>>;
  /** What is decided when nobody has in time. */
  readonly byDefault: Verdict;
  readonly steps: readonly SagaStep[];
}

/** How far a command is: not asked for, under way, done under an id, or refused for good. */
export type CommandEnd =
  | { readonly kind: 'none' }
  | { readonly kind: 'open' }
  | { readonly kind: 'done'; readonly remoteId: string }
  | { readonly kind: 'dead'; readonly reason: string };

export interface SagaSituation {
  readonly decision: Verdict | null;
  /** Whether it has to be decided, and nobody has in time. */
  readonly needsDecision: boolean;
  readonly isTooLate: boolean;
  readonly ends: Readonly<Record<string, { readonly do: CommandEnd; readonly undo: CommandEnd }>>;
}

export interface SagaMove {
  readonly state: FulfilmentState;
  /** Decided now, because nobody has in time. */
  readonly decision: Verdict | null;
  /** The command to be asked for now. */
  readonly next: {
    readonly step: SagaStep;
    readonly way: 'do' | 'undo';
    readonly remoteId: string | null;
  } | null;
  /** The step that was refused for good, and why. */
  readonly failed: { readonly step: string; readonly reason: string } | null;
}

const none: CommandEnd = { kind: 'none' };

/**
 * One move: the first step that is not done is asked for; when one is refused for good, those before it are taken back,
 * the last first. Never two at once, so that what is taken back is known.
 */
export function nextMove(settings: SagaSettings, situation: SagaSituation): SagaMove {
  const { needsDecision, isTooLate } = situation;
  const late = situation.decision === null && needsDecision && isTooLate ? settings.byDefault : null;
  const decision = situation.decision ?? late;
  const stay = { decision: late, next: null, failed: null };
  if (needsDecision && decision === null) return { ...stay, state: 'waiting' };
  if (decision === 'reject') return { ...stay, state: 'rejected' };
  const { steps } = settings;
  for (const [at, step] of steps.entries()) {
    const end = situation.ends[step.name]?.do ?? none;
    if (end.kind === 'dead')
      return compensation(steps.slice(0, at), situation, { step: step.name, reason: end.reason }, late);
    if (end.kind === 'open') return { ...stay, state: 'running' };
    if (end.kind === 'none') return { ...stay, state: 'running', next: { step, way: 'do', remoteId: null } };
  }
  return { ...stay, state: 'fulfilled' };
}

function compensation(
  done: readonly SagaStep[],
  { ends }: SagaSituation,
  failed: NonNullable<SagaMove['failed']>,
  decision: Verdict | null,
): SagaMove {
  for (const step of done.toReversed()) {
    const { do: first = none, undo = none } = ends[step.name] ?? {};
    if (step.undo === undefined || first.kind !== 'done' || undo.kind === 'done') continue;
    if (undo.kind === 'dead') return { state: 'stuck', decision, next: null, failed };
    const next = undo.kind === 'open' ? null : ({ step, way: 'undo', remoteId: first.remoteId } as const);
    return { state: 'compensating', decision, next, failed };
  }
  return { state: 'compensated', decision, next: null, failed };
}
