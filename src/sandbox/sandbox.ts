import { setMaxListeners } from 'node:events';
import { gunzipSync } from 'node:zlib';
import fastify, { type FastifyInstance } from 'fastify';
import { mountAdmin } from './admin/routes.js';
import { clockNotBefore, SandboxClock } from './clock.js';
import { createFaultBook, type FaultBook } from './faults.js';
import { Journal } from './journal.js';
import { createLive, type Live } from './live.js';
import type { SandboxOptions } from './options.js';
import { homePage } from './page/home.js';
import { RequestLog } from './request-log.js';
import { anchorMs } from './seed/frame.js';
import { createSeed, type Seed } from './seed/seed.js';
import { type Truth, truthOf } from './seed/truth.js';
import { type ServeParts, serve } from './serve.js';
import { defaultSettings, type Settings } from './settings.js';
import { createStores, createVendors, type Stores } from './vendors.js';
import type { Vendor } from './wire.js';

/** A running sandbox, and handles on it for tests in the same process. */
export interface Sandbox extends Stores {
  /** Without a slash at the end: `http://127.0.0.1:4100`. */
  readonly url: string;
  readonly port: number;
  readonly seed: Seed;
  readonly clock: SandboxClock;
  readonly settings: Settings;
  readonly faults: FaultBook;
  readonly requests: RequestLog;
  readonly live: Live;
  truth(): Truth;
  close(): Promise<void>;
}

function settingsOf(options: SandboxOptions): Settings {
  const settings = defaultSettings();
  if (options.coupaLimit !== undefined) settings.coupaLimit = options.coupaLimit;
  if (options.duplicates !== undefined) settings.duplicates = options.duplicates;
  return settings;
}

function createServer(): FastifyInstance {
  const app = fastify({ forceCloseConnections: true, bodyLimit: 10 * 1024 * 1024 });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
      done(null, bytes.toString());
    } catch {
      done(Object.assign(new Error('the body is not gzip'), { statusCode: 400 }));
    }
  });
  return app;
}

/** Mounts a vendor below its name; what it does not know it refuses in its own words. */
function mountVendor(app: FastifyInstance, vendor: Vendor, parts: ServeParts): void {
  for (const route of vendor.routes) {
    app.route({
      method: route.method,
      url: `/${vendor.name}${route.path}`,
      handler: serve(vendor, route, parts),
    });
  }
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const) {
    const unknown = {
      method,
      path: '/*',
      open: true,
      handle: (call: Parameters<Vendor['refuse']>[1]) => vendor.refuse(404, call),
    };
    app.route({ method, url: `/${vendor.name}/*`, handler: serve(vendor, unknown, parts) });
  }
}

function mountHome(app: FastifyInstance, stores: Stores, clock: SandboxClock, faults: FaultBook): void {
  app.get('/', (_request, reply) => {
    const tickets = stores.tickets
      .all()
      .map((one) => ({ ...one, comments: stores.tickets.comments(one.id) }));
    const { messages } = stores.slack;
    const state = {
      now: clock.now(),
      orders: stores.coupa.store.purchase_orders.size,
      tickets,
      messages,
      faults: faults.list(),
    };
    return reply.type('text/html; charset=utf-8').send(homePage(state));
  });
}

/** Starts every simulated vendor on one port. Rejects when the port is taken or the journal cannot be read. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const clock = new SandboxClock(options.clock ?? clockNotBefore(new Date(anchorMs)));
  const seed = createSeed(options.seed ?? 1, options.records ?? 3000);
  const settings = settingsOf(options);
  const journal = new Journal(options.stateDir);
  const setClock = journal.register<number>('clock', (offsetMs) => clock.shiftTo(offsetMs));
  const faults = createFaultBook(seed.seed);
  const log = new RequestLog();
  const stores = createStores(seed, journal, clock, settings);
  const vendors = createVendors({ seed, stores, journal, clock, settings, secrets: options.secrets });
  const live = createLive({ seed, ...stores.coupa, journal, clock });
  journal.open();

  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // one per late commit
  const parts: ServeParts = { clock, faults, log, closing: closing.signal };
  const app = createServer();
  for (const vendor of vendors) mountVendor(app, vendor, parts);
  mountHome(app, stores, clock, faults);
  const { coupa, salesforce: accounts, tickets, slack: messages } = stores;
  mountAdmin(app, { seed, clock, setClock, settings, faults, log, ...coupa, accounts, tickets, messages });
  const url = await app.listen({ port: options.port, host: options.host ?? '127.0.0.1' });
  const stopLive = options.live === true ? live.start() : () => {};

  return {
    url,
    port: Number(new URL(url).port),
    seed,
    clock,
    settings,
    faults,
    requests: log,
    ...stores,
    live,
    truth: () => truthOf(seed),
    async close() {
      stopLive();
      closing.abort();
      await app.close();
      journal.close();
    },
  };
}
