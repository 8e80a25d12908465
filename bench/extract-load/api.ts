/**
 * The generated vendor as a process: Coupa's token and list calls and a rates service, cheap enough never to be
 * what is measured. Arguments: port, records, records a page. `/bench/…` changes and counts the orders.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { clockNotBefore } from '../../src/sandbox/clock.js';
import { dayStart, dayText, isBusinessDay, quotedCodes, ratesOf } from '../../src/sandbox/rates/rates.js';
import { anchorMs, dayMs, supplierCount, supplierIdBase } from '../../src/sandbox/seed/frame.js';
import { supplierRecord } from '../../src/sandbox/seed/suppliers.js';
import { createOrders, type Filter } from './orders.js';

const [port = 0, records = 1, largestPage = 1] = process.argv.slice(2).map(Number);
const token = 'bench-token';
const now = clockNotBefore(new Date(anchorMs));
const orders = createOrders(records);
const suppliers = Array.from({ length: supplierCount }, (_, index) => supplierRecord(1, index));

type Query = URLSearchParams;
/** Answers with the pieces of the body. */
type Handler = (query: Query) => readonly Buffer[];

const json = (value: unknown): readonly Buffer[] => [Buffer.from(JSON.stringify(value))];

const routes: Readonly<Record<string, Handler>> = {
  'POST /oauth2/token': () => json({ access_token: token, token_type: 'bearer', expires_in: 86_400 }),
  'GET /api/purchase_orders': (query) => {
    const pieces = orders.page(filterOf(query), {
      after: numberOf(query, 'id[gt]', 0),
      upTo: numberOf(query, 'id[lt_or_eq]', Number.POSITIVE_INFINITY),
      offset: numberOf(query, 'offset', 0),
      limit: Math.min(numberOf(query, 'limit', largestPage), largestPage),
      descending: query.get('dir') === 'desc',
    });
    return [Buffer.from('['), ...pieces, Buffer.from(']')];
  },
  'GET /api/suppliers': supplierPage,
  'POST /bench/reset': () => {
    orders.reset();
    return json({});
  },
  'POST /bench/change': (query) =>
    json(orders.change(numberOf(query, 'round', 1), Math.floor(now().getTime() / 1000) * 1000)),
  'GET /bench/counts': (query) => json(orders.counts(filterOf(query))),
  'GET /bench/size': () => json({ meanBytes: orders.meanBytes() }),
  'GET /v1/latest': (query) => series(query, '2026-06-01', '2026-06-12'),
};

function filterOf(query: Query): Filter {
  const from = query.get('updated-at[gt_or_eq]');
  const to = query.get('updated-at[lt]');
  return {
    fromMs: from === null ? Number.NEGATIVE_INFINITY : Date.parse(from),
    toMs: to === null ? Number.POSITIVE_INFINITY : Date.parse(to),
  };
}

function numberOf(query: Query, name: string, fallback: number): number {
  const text = query.get(name);
  return text === null ? fallback : Number(text);
}

/** Few enough to be filtered at each call. */
function supplierPage(query: Query): readonly Buffer[] {
  const { fromMs, toMs } = filterOf(query);
  const after = numberOf(query, 'id[gt]', 0);
  const limit = Math.min(numberOf(query, 'limit', largestPage), largestPage);
  const page = suppliers
    .filter((_, index) => supplierIdBase + index > after)
    .filter((supplier) => {
      const updatedMs = Date.parse(String(supplier['updated-at']));
      return updatedMs >= fromMs && updatedMs < toMs;
    })
    .slice(0, limit);
  return json(page);
}

/** https://frankfurter.dev/#time-series-data */
function series(query: Query, first: string, last: string): readonly Buffer[] {
  const base = query.get('base') ?? 'EUR';
  const rates: Record<string, object | null> = {};
  for (let day = dayStart(first) ?? 0; day <= (dayStart(last) ?? 0); day += dayMs)
    if (isBusinessDay(day)) rates[dayText(day)] = ratesOf(base, day, quotedCodes());
  return json({ amount: 1, base, start_date: first, end_date: last, rates });
}

function answerTo(request: IncomingMessage, url: URL): readonly Buffer[] | null {
  const days = /^\/v1\/(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})$/.exec(url.pathname);
  if (days !== null) return series(url.searchParams, days[1] ?? '', days[2] ?? '');
  return routes[`${request.method} ${url.pathname}`]?.(url.searchParams) ?? null;
}

function send(response: ServerResponse, status: number, pieces: readonly Buffer[]): void {
  // Many small pieces are dearer to send than to copy.
  const few = pieces.length > 16 ? [Buffer.concat(pieces)] : pieces;
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': few.reduce((sum, piece) => sum + piece.length, 0),
    Date: now().toUTCString(),
  });
  response.cork();
  for (const piece of few) response.write(piece);
  response.end();
  response.uncork();
}

const server = createServer((request, response) => {
  request.resume();
  const url = new URL(request.url ?? '/', 'http://localhost');
  const isRefused = url.pathname.startsWith('/api/') && request.headers.authorization !== `Bearer ${token}`;
  const answer = isRefused ? null : answerTo(request, url);
  if (answer !== null) send(response, 200, answer);
  else send(response, isRefused ? 401 : 404, json({ error: 'refused' }));
});
server.keepAliveTimeout = 60_000;
server.listen(port, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ ready: true, port })}\n`));
process.once('SIGTERM', () => process.exit(0));
