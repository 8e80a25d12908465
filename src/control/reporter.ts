import type { QuotaReading, RequestOutcome } from '../connectors/gate.js';
import type { BudgetReport } from './budgets.js';

/** How often it is said that all goes well; a failure is said at once. */
const everyMs = 1_000;

export interface Reporter {
  report(outcome: RequestOutcome, probe: number | null): Promise<void>;
  close(): Promise<void>;
}

/** Tells the breaker what became of one process's requests. That it could not be told harms no request. */
export function createReporter(send: (report: BudgetReport) => Promise<void>): Reporter {
  let ok = 0;
  let reading: QuotaReading | null = null;
  let timer: NodeJS.Timeout | null = null;

  async function flush(more: Partial<BudgetReport> = {}): Promise<void> {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const report = { ok, failed: 0, trailing: 0, probe: null, error: null, reading, ...more };
    ok = 0;
    reading = null;
    await send(report).catch(() => {});
  }

  return {
    async report(outcome, probe) {
      if (outcome.kind === 'failed')
        return flush({ failed: 1, trailing: 1, probe, error: outcome.error.slice(0, 300) });
      const answered = outcome.kind !== 'neutral';
      if (outcome.kind === 'ok' && outcome.reading !== undefined) reading = outcome.reading;
      if (probe !== null) return flush({ ok: answered ? 1 : 0, probe });
      if (answered) ok += 1;
      const isSpent = reading !== null && reading.remaining <= 0;
      if (isSpent) return flush();
      if (ok > 0) timer ??= setTimeout(() => void flush(), everyMs).unref();
    },
    async close() {
      if (ok > 0) await flush();
      if (timer !== null) clearTimeout(timer);
    },
  };
}
