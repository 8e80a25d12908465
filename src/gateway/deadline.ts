/** The work's result, or what `late` makes after `timeoutMs`. The work itself is left alone. */
export async function withDeadline<T>(work: Promise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), timeoutMs);
  });
  work.catch(() => {}); // after the deadline nobody listens any more
  try {
    return await Promise.race([work, patience]);
  } finally {
    clearTimeout(timer);
  }
}

/** One reading shared by all who ask while it is under way and for `keepMs` after it was begun. */
export function shared<T>(keepMs: number, read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  let begun = 0;
  let running = false;
  return () => {
    if (reading !== undefined && (running || Date.now() - begun < keepMs)) return reading;
    begun = Date.now();
    running = true;
    reading = read().finally(() => {
      running = false;
    });
    return reading;
  };
}
