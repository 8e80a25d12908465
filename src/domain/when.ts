/** What is longer than this is told by the clock. */
const longestCountedMs = 120_000;

/** When a wait is over, for a sentence: `in 40 s`, or `at 2026-11-28T16:05:00Z`. */
export function whenText(waitMs: number, nowMs: number): string {
  if (waitMs <= longestCountedMs) return `in ${Math.ceil(waitMs / 1000)} s`;
  return `at ${new Date(nowMs + waitMs).toISOString().slice(0, 19)}Z`;
}
