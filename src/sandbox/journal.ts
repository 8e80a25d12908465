import { closeSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import path from 'node:path';

type Apply = (data: unknown) => void;

/**
 * What changed since the seed, one JSON line per change, replayed at start. A line is handed to the operating
 * system before the change is answered, so a killed sandbox forgets nothing; a torn last line (its change was
 * never answered) is cut off. Without a folder everything stays in memory.
 */
export class Journal {
  readonly #file: string | null;
  readonly #appliers = new Map<string, Apply>();
  #fd: number | null = null;

  constructor(stateDir: string | undefined) {
    this.#file = stateDir === undefined ? null : path.join(stateDir, 'journal.ndjson');
  }

  /** Says how a kind of change is made. Register all of them before `open`. */
  register<T>(kind: string, apply: (data: T) => void): (data: T) => void {
    this.#appliers.set(kind, apply as Apply);
    return (data) => {
      this.#append(kind, data);
      apply(data);
    };
  }

  /** Replays what is on disk and opens the journal for writing. */
  open(): void {
    if (this.#file === null) return;
    mkdirSync(path.dirname(this.#file), { recursive: true });
    this.#fd = openSync(this.#file, 'a');
    const bytes = readFileSync(this.#file);
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole < bytes.length) truncateSync(this.#file, whole);
    for (const line of bytes.subarray(0, whole).toString('utf8').split('\n')) {
      if (line !== '') this.#replay(line);
    }
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #append(kind: string, data: unknown): void {
    if (this.#fd !== null) writeSync(this.#fd, `${JSON.stringify({ kind, data })}\n`);
  }

  #replay(line: string): void {
    const { kind, data } = JSON.parse(line) as { kind: string; data: unknown };
    const apply = this.#appliers.get(kind);
    if (apply === undefined) throw new Error(`the sandbox journal holds an unknown kind of change: ${kind}`);
    apply(data);
  }
}
