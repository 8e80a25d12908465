import { hash32, hashText } from '../rng.js';
import { dayMs, streams } from '../seed/frame.js';
import { quotedCurrencies } from './currencies.js';

/** The first day of the European Central Bank's own series. */
const firstDay = '1999-01-04';
const publishedAtUtcHour = 15;

export function dayText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Midnight UTC of a calendar day; null when there is no such day. */
export function dayStart(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return null;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(ms) || dayText(ms) !== text ? null : ms;
}

/** Easter Sunday of a year (anonymous Gregorian computus). */
function easter(year: number): number {
  const a = year % 19;
  const b = Math.floor(year / 100);
  const c = year % 100;
  const h = (19 * a + b - Math.floor(b / 4) - Math.floor((b - Math.floor((b + 8) / 25) + 1) / 3) + 15) % 30;
  const l = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - h - (c % 4)) % 7;
  const m = Math.floor((a + 11 * h + 22 * l) / 451);
  const month = Math.floor((h + l - 7 * m + 114) / 31);
  return Date.UTC(year, month - 1, ((h + l - 7 * m + 114) % 31) + 1);
}

/** Days on which the euro area's payment system rests: no rates are published. */
export function isBusinessDay(ms: number): boolean {
  const date = new Date(ms);
  if (date.getUTCDay() === 0 || date.getUTCDay() === 6) return false;
  if (['01-01', '05-01', '12-25', '12-26'].includes(dayText(ms).slice(5))) return false;
  const sunday = easter(date.getUTCFullYear());
  return ms !== sunday - 2 * dayMs && ms !== sunday + dayMs;
}

/** The last published day on or before `ms`, seen from `nowMs`; null before the series begins. */
export function publishedDay(ms: number, nowMs: number): number | null {
  const latest = nowMs - publishedAtUtcHour * 3_600_000;
  let day = Math.floor(Math.min(ms, latest) / dayMs) * dayMs;
  while (!isBusinessDay(day)) day -= dayMs;
  return day < Date.parse(firstDay) ? null : day;
}

/** Between -1 and 1, moving slowly from week to week. */
function drift(code: string, day: number): number {
  const knot = (at: number): number => hash32(streams.rate, hashText(code), at) / 2147483648 - 1;
  const week = Math.floor(day / 7);
  const share = (day - week * 7) / 7;
  return knot(week) * (1 - share) + knot(week + 1) * share;
}

function rounded(value: number): number {
  return Number(value.toPrecision(5));
}

/** Units of a currency per euro on a published day; undefined when it is not quoted. A function of the day alone. */
function perEuro(code: string, dayMsAt: number): number | undefined {
  if (code === 'EUR') return 1;
  const info = quotedCurrencies[code];
  return info === undefined ? undefined : rounded(info.perEuro * (1 + 0.02 * drift(code, dayMsAt / dayMs)));
}

export function quotedCodes(): readonly string[] {
  return ['EUR', ...Object.keys(quotedCurrencies)].sort();
}

/** All rates of a day from this base, without the base itself; null when the base is not quoted. */
export function ratesOf(
  base: string,
  dayMsAt: number,
  symbols: readonly string[],
): Record<string, number> | null {
  const from = perEuro(base, dayMsAt);
  if (from === undefined) return null;
  const found: Record<string, number> = {};
  for (const code of symbols) {
    const to = perEuro(code, dayMsAt);
    if (to !== undefined && code !== base) found[code] = base === 'EUR' ? to : rounded(to / from);
  }
  return found;
}
