/** npx passes on a Ctrl-C that the terminal has already sent to us: two so close together are one. */
const oneAndTheSameMs = 400;
/** How long after the first a second Ctrl-C is waited for. */
const windowMs = 1_500;

export type Interruption = 'detach' | 'cancel';

export interface Interrupts {
  /** Aborts at the first Ctrl-C (or SIGTERM). */
  readonly signal: AbortSignal;
  /** After the first: `cancel` when a second follows, else `detach`. */
  readonly decided: Promise<Interruption>;
  /** `SIGINT` or `SIGTERM`, once there was one. */
  readonly received: () => NodeJS.Signals | null;
  stop(): void;
}

/** Ctrl-C once leaves the run alone and detaches; twice asks to cancel it. SIGTERM detaches at once. */
export function listenForInterrupts(onFirst: () => void): Interrupts {
  const abort = new AbortController();
  let received: NodeJS.Signals | null = null;
  let receivedAt = 0;
  let decide: (interruption: Interruption) => void = () => {};
  const decided = new Promise<Interruption>((resolve) => {
    decide = resolve;
  });
  const onSignal = (signal: NodeJS.Signals): void => {
    if (received !== null) {
      if (Date.now() - receivedAt > oneAndTheSameMs) decide('cancel');
      return;
    }
    received = signal;
    receivedAt = Date.now();
    if (signal === 'SIGTERM') decide('detach');
    else setTimeout(() => decide('detach'), windowMs);
    abort.abort();
    onFirst();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: abort.signal,
    decided,
    received: () => received,
    stop() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
