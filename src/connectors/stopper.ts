/** What stops a request: our deadline, the caller, or a body beyond the limit. */
export type Stop = 'deadline' | 'cancelled' | 'too_large';

export interface Stopper {
  readonly signal: AbortSignal;
  stop(reason: Stop): void;
  stopped(): Stop | null;
  release(): void;
}

/** One abort signal for the deadline, the caller's cancellation and our own limit. */
export function createStopper(timeoutMs: number, caller: AbortSignal | undefined): Stopper {
  const controller = new AbortController();
  let reason: Stop | null = null;
  const stop = (why: Stop): void => {
    reason ??= why;
    controller.abort();
  };
  const onCancel = (): void => stop('cancelled');
  const timer = setTimeout(() => stop('deadline'), timeoutMs);
  if (caller?.aborted === true) onCancel();
  else caller?.addEventListener('abort', onCancel, { once: true });
  return {
    signal: controller.signal,
    stop,
    stopped: () => reason,
    release() {
      clearTimeout(timer);
      caller?.removeEventListener('abort', onCancel);
    },
  };
}
