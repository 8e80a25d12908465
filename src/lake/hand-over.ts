/**
 * Between the extraction of a batch and its stager, when both are in this process: rings when there is something
 * new, and keeps the lines that have just been landed, so that the stager need not read them back and expand
 * them. Bounded in bytes, oldest first out; whoever finds nothing reads the lake, which is the truth.
 */
export interface HandOver {
  /** Keeps a landed part's lines, and rings for its batch. */
  put(batchId: string, key: string, texts: readonly Buffer[]): void;
  /** Something about the batch has changed: a part without records, or its end. */
  ring(batchId: string): void;
  /** The lines, once; null when they are not here (any more). */
  take(key: string): readonly Buffer[] | null;
  /** Resolves when it rings for the batch, or after the time; rejects when aborted. */
  wait(batchId: string, ms: number, signal: AbortSignal): Promise<void>;
}

export function createHandOver(maxBytes: number): HandOver {
  const kept = new Map<string, readonly Buffer[]>();
  const bells = new Map<string, Set<() => void>>();
  let bytes = 0;

  function take(key: string): readonly Buffer[] | null {
    const found = kept.get(key);
    if (found === undefined) return null;
    kept.delete(key);
    bytes -= sizeOf(found);
    return found;
  }

  function ring(batchId: string): void {
    for (const wake of bells.get(batchId) ?? []) wake();
  }

  return {
    take,
    ring,
    put(batchId, key, texts) {
      take(key);
      kept.set(key, texts);
      bytes += sizeOf(texts);
      for (const oldest of kept.keys()) {
        if (bytes <= maxBytes) break;
        take(oldest);
      }
      ring(batchId);
    },
    wait(batchId, ms, signal) {
      return new Promise((resolve, reject) => {
        const bell = bells.get(batchId) ?? new Set();
        const end = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', end);
          bell.delete(end);
          if (bell.size === 0) bells.delete(batchId);
          if (signal.aborted) reject(signal.reason);
          else resolve();
        };
        const timer = setTimeout(end, ms);
        bells.set(batchId, bell.add(end));
        signal.addEventListener('abort', end);
        if (signal.aborted) end();
      });
    },
  };
}

function sizeOf(texts: readonly Buffer[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}
