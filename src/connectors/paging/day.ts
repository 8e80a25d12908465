import { checked, endless, type Paginator, position, type Reading } from './paginator.js';

const day = /^\d{4}-\d{2}-\d{2}$/;
const dayMs = 86_400_000;

export interface DayStyle {
  /** First and last day to be read. */
  days(reading: Reading): { readonly from: string; readonly to: string };
  readonly mostDays: number;
  /** No page is shorter: a rest of fewer days joins the page before it. */
  readonly fewestDays: number;
  /** Path of the days from the first to the last. */
  path(first: string, last: string): string;
}

/**
 * Pages by calendar day, ascending; the position is the first day of the next page. What is read of a day is what
 * the vendor knows of it at that moment.
 */
export function dayPaginator(stream: string, style: DayStyle): Paginator {
  const spanOf = (at: string | null, reading: Reading) => {
    const range = style.days(reading);
    const first = at ?? range.from;
    return { first, last: lastDay(first, range.to, reading.size, style), end: range.to };
  };
  return {
    check: (cursor, window) => checked(stream, cursor, window, day),
    ask(from, reading) {
      const { first, last } = spanOf(position(from), reading);
      return { path: style.path(first, last), query: {} };
    },
    take(from, { records }, reading) {
      const { first, last, end } = spanOf(position(from), reading);
      const next = addDays(last, 1);
      if (next > end) return { records, next: null };
      if (next <= first) throw endless(stream, `${next} does not come after ${first}`);
      return { records, next: { at: next, to: reading.window.to } };
    },
  };
}

function lastDay(first: string, to: string, size: number, { fewestDays, mostDays }: DayStyle): string {
  const last = addDays(first, Math.min(mostDays, Math.max(fewestDays, size)) - 1);
  return addDays(last, fewestDays) > to ? to : last;
}

export function addDays(from: string, days: number): string {
  return new Date(Date.parse(`${from}T00:00:00Z`) + days * dayMs).toISOString().slice(0, 10);
}
