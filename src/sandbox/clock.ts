/** The sandbox's own time: it dates answers, changes and tokens. Tests may move it; timers stay real. */
export class SandboxClock {
  readonly #source: () => Date;
  #offsetMs = 0;

  constructor(source: () => Date) {
    this.#source = source;
  }

  now(): Date {
    return new Date(this.ms());
  }

  ms(): number {
    return this.#source().getTime() + this.#offsetMs;
  }

  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Sets how far this clock is ahead of its source. */
  shiftTo(offsetMs: number): void {
    this.#offsetMs = offsetMs;
  }
}

/** The machine's time, or time that starts at `earliest` when the machine's clock is still before it. */
export function clockNotBefore(earliest: Date): () => Date {
  const ahead = Math.max(0, earliest.getTime() - Date.now());
  return () => new Date(Date.now() + ahead);
}

/** RFC 3339 in UTC to the second. */
export function isoSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 to the second with an offset in minutes: `2026-06-03T10:15:00-07:00`. */
export function isoWithOffset(ms: number, offsetMinutes: number): string {
  const local = new Date(ms + offsetMinutes * 60_000).toISOString().slice(0, 19);
  const abs = Math.abs(offsetMinutes);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${local}${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(abs / 60))}:${two(abs % 60)}`;
}
