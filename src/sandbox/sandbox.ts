import fastify, { type FastifyInstance } from 'fastify';
import { clockNotBefore, SandboxClock } from './clock.js';
import { type CoupaChanges, createCoupaChanges } from './coupa/changes.js';
import { type CoupaStore, createCoupaStore } from './coupa/store.js';
import { createCoupa } from './coupa/vendor.js';
import { createFaultBook, type FaultBook } from './faults.js';
import { Journal } from './journal.js';
import type { SandboxOptions } from './options.js';
import { RequestLog } from './request-log.js';
import { anchorMs, orderIdBase } from './seed/frame.js';
import { createSeed, type Seed } from './seed/seed.js';
import { type ServeParts, serve } from './serve.js';
import { defaultSettings, type Settings } from './settings.js';
import type { Vendor } from './wire.js';

/** A running sandbox, and handles on it for tests in the same process. */
export interface Sandbox {
  /** Without a slash at the end: `http://127.0.0.1:4100`. */
  readonly url: string;
  readonly port: number;
  readonly seed: Seed;
  readonly clock: SandboxClock;
  readonly settings: Settings;
  readonly faults: FaultBook;
  readonly requests: RequestLog;
  readonly coupa: { readonly store: CoupaStore; readonly changes: CoupaChanges };
  close(): Promise<void>;
}

function settingsOf(options: SandboxOptions): Settings {
  const settings = defaultSettings();
  if (options.coupaLimit !== undefined) settings.coupaLimit = options.coupaLimit;
  if (options.duplicates !== undefined) settings.duplicates = options.duplicates;
  return settings;
}

function duplicateIds(seed: Seed): ReadonlySet<number> {
  const planted = [...seed.plants].filter(([, plant]) => plant.kind === 'duplicate');
  return new Set(planted.map(([index]) => orderIdBase + index));
}

function createServer(): FastifyInstance {
  const app = fastify({ forceCloseConnections: true, bodyLimit: 10 * 1024 * 1024, keepAliveTimeout: 5_000 });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  return app;
}

function mount(app: FastifyInstance, vendor: Vendor, parts: ServeParts): void {
  for (const route of vendor.routes) {
    app.route({
      method: route.method,
      url: `/${vendor.name}${route.path}`,
      handler: serve(vendor, route, parts),
    });
  }
  const missing = {
    path: '/*',
    open: true,
    handle: (call: Parameters<Vendor['refuse']>[1]) => vendor.refuse(404, call),
  };
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const) {
    app.route({ method, url: `/${vendor.name}/*`, handler: serve(vendor, { ...missing, method }, parts) });
  }
}

/** Starts every simulated vendor on one port. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const clock = new SandboxClock(options.clock ?? clockNotBefore(new Date(anchorMs)));
  const seed = createSeed(options.seed ?? 1, options.records ?? 3000);
  const settings = settingsOf(options);
  const journal = new Journal(options.stateDir);
  const faults = createFaultBook(seed.seed);
  const log = new RequestLog();
  const store = createCoupaStore(seed);
  const changes = createCoupaChanges(store, journal, clock);
  const { coupaClientSecret } = options.secrets;
  const repeated = duplicateIds(seed);
  const coupa = createCoupa({
    store,
    changes,
    clock,
    journal,
    settings,
    clientSecret: coupaClientSecret,
    repeated,
  });
  journal.open();

  const closing = new AbortController();
  const delays = new Set<NodeJS.Timeout>();
  const parts: ServeParts = { clock, faults, log, closing: closing.signal, delays };
  const app = createServer();
  for (const vendor of [coupa]) mount(app, vendor, parts);
  const url = await app.listen({ port: options.port, host: options.host ?? '127.0.0.1' });

  return {
    url,
    port: Number(new URL(url).port),
    seed,
    clock,
    settings,
    faults,
    requests: log,
    coupa: { store, changes },
    async close() {
      closing.abort();
      for (const delay of delays) clearTimeout(delay);
      await app.close();
      journal.close();
    },
  };
}
