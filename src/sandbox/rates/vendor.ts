import type { SandboxClock } from '../clock.js';
import { dayMs } from '../seed/frame.js';
import { type Answer, type Call, json, type Route, type Vendor } from '../wire.js';
import { quotedCurrencies } from './currencies.js';
import { dayStart, dayText, isBusinessDay, publishedDay, quotedCodes, ratesOf } from './rates.js';

const notFound = (): Answer => json(404, { message: 'not found' });

/** The symbols asked for that are quoted; null when some were asked for and none of them is. */
function symbolsOf(call: Call): readonly string[] | null {
  const text = call.query.get('symbols') ?? call.query.get('to');
  if (text === null || text === '') return quotedCodes();
  const known = text
    .split(',')
    .map((code) => code.trim().toUpperCase())
    .filter((code) => quotedCodes().includes(code));
  return known.length === 0 ? null : known;
}

function baseOf(call: Call): string {
  return (call.query.get('base') ?? call.query.get('from') ?? 'EUR').toUpperCase();
}

function oneDay(call: Call, wantedMs: number, nowMs: number): Answer {
  const symbols = symbolsOf(call);
  const base = baseOf(call);
  const day = publishedDay(wantedMs, nowMs);
  const rates = symbols === null || day === null ? null : ratesOf(base, day, symbols);
  if (rates === null || day === null) return notFound();
  return json(200, { amount: 1.0, base, date: dayText(day), rates });
}

function series(call: Call, fromMs: number, toMs: number, nowMs: number): Answer {
  const symbols = symbolsOf(call);
  const base = baseOf(call);
  const first = publishedDay(fromMs, nowMs);
  const last = publishedDay(toMs, nowMs);
  if (symbols === null || first === null || last === null || fromMs > toMs) return notFound();
  const rates: Record<string, Record<string, number>> = {};
  for (let day = first; day <= last; day += dayMs) {
    const found = isBusinessDay(day) ? ratesOf(base, day, symbols) : {};
    if (found === null) return notFound();
    if (isBusinessDay(day)) rates[dayText(day)] = found;
  }
  return json(200, { amount: 1.0, base, start_date: dayText(first), end_date: dayText(last), rates });
}

/** https://frankfurter.dev/v1: the European Central Bank's reference rates as JSON. No key. */
export function createRates(clock: SandboxClock): Vendor {
  function dated(call: Call): Answer {
    const [from = '', to] = (call.params['date'] ?? '').split('..');
    const fromMs = dayStart(from);
    if (fromMs === null) return notFound();
    if (to === undefined) return oneDay(call, fromMs, clock.ms());
    const toMs = to === '' ? clock.ms() : dayStart(to);
    return toMs === null ? notFound() : series(call, fromMs, toMs, clock.ms());
  }

  function currencies(): Answer {
    const names = Object.entries(quotedCurrencies).map(([code, { name }]) => [code, name]);
    return json(200, Object.fromEntries([...names, ['EUR', 'Euro']].sort()));
  }

  const routes: readonly Route[] = [
    { method: 'GET', path: '/v1/latest', open: true, handle: (call) => oneDay(call, clock.ms(), clock.ms()) },
    { method: 'GET', path: '/v1/currencies', open: true, handle: currencies },
    { method: 'GET', path: '/v1/:date', open: true, handle: dated },
  ];
  const messages: Readonly<Record<number, string>> = { 404: 'not found', 429: 'too many requests' };
  return {
    name: 'rates',
    routes,
    authenticate: () => null,
    refuse: (status) => json(status, { message: messages[status] ?? 'internal error' }),
  };
}
