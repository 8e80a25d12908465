import type { Stack } from '../stack/supervisor.js';

/** npm passes on a Ctrl-C that the terminal has already sent to us: two so close together are one. */
const oneAndTheSameMs = 500;

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ctrl-C once stops the stack in order; twice kills it. */
export class Shutdown {
  readonly #abort = new AbortController();
  readonly #say: (line: string) => void;
  readonly #onSignal = () => this.#request();
  #requestedAt: number | undefined;
  #stack: Stack | undefined;
  /** Resolves at the first signal. */
  readonly whenRequested: Promise<void>;

  constructor(say: (line: string) => void) {
    this.#say = say;
    this.whenRequested = new Promise((resolve) => {
      this.#abort.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    for (const signal of signals) process.on(signal, this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get requested(): boolean {
    return this.#requestedAt !== undefined;
  }

  /** What a second signal kills. */
  attach(stack: Stack): void {
    this.#stack = stack;
  }

  done(): void {
    for (const signal of signals) process.off(signal, this.#onSignal);
  }

  #request(): void {
    const now = Date.now();
    if (this.#requestedAt === undefined) {
      this.#requestedAt = now;
      this.#say('\nStopping (workers finish what they hold, at most 20 s; Ctrl-C again stops at once)');
      this.#abort.abort();
    } else if (now - this.#requestedAt > oneAndTheSameMs) {
      this.#stack?.kill();
    }
  }
}
