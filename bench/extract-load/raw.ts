/**
 * The limit: what one Node process can do that keeps no promise. Pages are fetched eight at a time, parsed,
 * written as COPY text into an unlogged table while others are fetched, and upserted by one statement at the
 * end. No lake, no validation, no accounting; when it dies it begins anew.
 * Arguments: port of its own, address of the API, records a page; BENCH_DATABASE_URL. `POST /load` runs it.
 */
import { once } from 'node:events';
import http from 'node:http';
import pg from 'pg';
import { type CopyStreamQuery, from as copyFrom } from 'pg-copy-streams';

const fetchers = 8;
const copiers = 2;
const rowsPerCopy = 8_000;

const [port = '0', api = '', page = '1000'] = process.argv.slice(2);
const pageSize = Number(page);
const databaseUrl = process.env['BENCH_DATABASE_URL'] ?? '';

export interface RawLoad {
  readonly records: number;
  readonly wallMs: number;
  /** The vendor's clock when it began: where the next incremental load goes on. */
  readonly readAt: string;
  /** From the start until everything was in the unlogged table. */
  readonly copiedMs: number;
}

const columns = [
  'id bigint',
  'po_number text',
  'status text',
  'version bigint',
  'supplier_id bigint',
  'supplier_name text',
  'customer_account_id text',
  'currency text',
  'total numeric',
  'created_at timestamptz',
  'updated_at timestamptz',
  'lines json',
  'raw json',
] as const;
const names = columns.map((column) => column.split(' ')[0] ?? '');

const tables = `
CREATE UNLOGGED TABLE IF NOT EXISTS staged (${columns.join(', ')});
CREATE TABLE IF NOT EXISTS orders (${columns.join(', ').replace('id bigint', 'id bigint PRIMARY KEY')});
TRUNCATE staged;`;

const upsert = `
INSERT INTO orders AS o (${names.join(', ')})
SELECT DISTINCT ON (id) ${names.join(', ')} FROM staged ORDER BY id, updated_at DESC
ON CONFLICT (id) DO UPDATE SET ${names
  .filter((name) => name !== 'id')
  .map((name) => `${name} = excluded.${name}`)
  .join(', ')}`;

interface Order {
  readonly id: number;
  readonly status: string;
  readonly version: number;
  readonly total: string;
  readonly supplier: { readonly id: number; readonly name: string };
  readonly currency: { readonly code: string };
  readonly [field: string]: unknown;
}

/** COPY's text format: a backslash is doubled; JSON text holds no tab and no line break. */
function field(text: unknown): string {
  if (text === null || text === undefined) return '\\N';
  const value = String(text);
  return value.includes('\\') ? value.replaceAll('\\', '\\\\') : value;
}

function copyLine(order: Order): string {
  return `${order.id}\t${field(order['po-number'])}\t${order.status}\t${order.version}\t${order.supplier.id}\t${field(order.supplier.name)}\t${field(order['customer-account-id'])}\t${order.currency.code}\t${order.total}\t${field(order['created-at'])}\t${field(order['updated-at'])}\t${field(JSON.stringify(order['order-lines']))}\t${field(JSON.stringify(order))}\n`;
}

const agent = new http.Agent({ keepAlive: true, maxSockets: fetchers });

function request(method: string, path: string, token: string): Promise<{ body: string; date: string }> {
  return new Promise((resolve, reject) => {
    const call = http.request(`${api}${path}`, {
      method,
      agent,
      headers: { authorization: `Bearer ${token}` },
    });
    call.on('error', reject);
    call.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`${path} answered ${response.statusCode}`));
        else resolve({ body: Buffer.concat(chunks).toString('utf8'), date: response.headers.date ?? '' });
      });
    });
    call.end();
  });
}

/** One connection's COPY, a new one after every few thousand rows. Writes follow one another. */
class Copier {
  readonly #client: pg.Client;
  #stream: CopyStreamQuery | null = null;
  #rows = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(client: pg.Client) {
    this.#client = client;
  }

  write(text: string, rows: number): Promise<void> {
    this.#turn = this.#turn.then(() => this.#append(text, rows));
    return this.#turn;
  }

  async end(): Promise<void> {
    await this.#turn;
    await this.#finish();
  }

  async #append(text: string, rows: number): Promise<void> {
    this.#stream ??= this.#client.query(copyFrom(`COPY staged (${names.join(', ')}) FROM STDIN`));
    if (!this.#stream.write(text)) await once(this.#stream, 'drain');
    this.#rows += rows;
    if (this.#rows >= rowsPerCopy) await this.#finish();
  }

  async #finish(): Promise<void> {
    const stream = this.#stream;
    this.#stream = null;
    this.#rows = 0;
    if (stream === null) return;
    stream.end();
    await once(stream, 'finish');
  }
}

async function copyAll(query: string, token: string, clients: readonly pg.Client[]): Promise<number> {
  const sinks = clients.map((client) => new Copier(client));
  let next = 0;
  let records = 0;
  let isLast = false;
  const fetchOn = async (): Promise<void> => {
    while (!isLast) {
      const turn = next;
      next += 1;
      const path = `/api/purchase_orders?order_by=id&dir=asc&limit=${pageSize}&offset=${turn * pageSize}${query}`;
      const orders: Order[] = JSON.parse((await request('GET', path, token)).body);
      if (orders.length < pageSize) isLast = true;
      if (orders.length === 0) return;
      records += orders.length;
      let text = '';
      for (const order of orders) text += copyLine(order);
      await sinks[turn % sinks.length]?.write(text, orders.length);
    }
  };
  await Promise.all(Array.from({ length: fetchers }, fetchOn));
  await Promise.all(sinks.map((sink) => sink.end()));
  return records;
}

async function load(since: string | null): Promise<RawLoad> {
  const startedMs = performance.now();
  const clients = Array.from({ length: copiers }, () => new pg.Client({ connectionString: databaseUrl }));
  await Promise.all(clients.map((client) => client.connect()));
  try {
    await clients[0]?.query(tables);
    const { body, date } = await request('POST', '/oauth2/token', '');
    const { access_token: token } = JSON.parse(body) as { access_token: string };
    const readAt = new Date(date).toISOString();
    const from = since === null ? '' : `&updated-at%5Bgt_or_eq%5D=${since}`;
    const records = await copyAll(`${from}&updated-at%5Blt%5D=${readAt}`, token, clients);
    const copiedMs = performance.now() - startedMs;
    await clients[0]?.query(upsert);
    return { records, readAt, copiedMs, wallMs: performance.now() - startedMs };
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

const server = http.createServer((incoming, response) => {
  const since = new URL(incoming.url ?? '/', 'http://localhost').searchParams.get('since');
  load(since).then(
    (result) => response.end(JSON.stringify(result)),
    (error: unknown) => {
      response.statusCode = 500;
      response.end(String(error));
    },
  );
});
server.requestTimeout = 0;
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('{"ready":true}\n'));
process.once('SIGTERM', () => process.exit(0));
