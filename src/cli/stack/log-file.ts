import { closeSync, openSync, renameSync, writeSync } from 'node:fs';

const maxBytes = 10 * 1024 * 1024;
const tailLines = 12;

/** One part's log: the previous start's is kept beside it as `.1`, and neither grows beyond 10 MiB. */
export interface LogFile {
  readonly path: string;
  write(chunk: Buffer | string): void;
  /** The last few lines, for an error message. */
  tail(): string[];
  close(): void;
}

export function openLog(path: string): LogFile {
  let file = rotate(path);
  let size = 0;
  let last: string[] = [];
  let closed = false;
  return {
    path,
    write(chunk) {
      if (closed) return;
      const text = chunk.toString();
      last = [...last, ...text.split('\n').filter((line) => line.trim() !== '')].slice(-tailLines);
      if (size > maxBytes) {
        closeSync(file);
        file = rotate(path);
        size = 0;
      }
      size += Buffer.byteLength(text);
      try {
        writeSync(file, text);
      } catch {
        // a full disk must not end the stack; the part itself will say so
      }
    },
    tail: () => last,
    close() {
      if (!closed) closeSync(file);
      closed = true;
    },
  };
}

function rotate(path: string): number {
  try {
    renameSync(path, `${path}.1`);
  } catch {
    // the first log
  }
  return openSync(path, 'a', 0o600);
}
