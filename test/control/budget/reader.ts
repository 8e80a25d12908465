/**
 * A process that asks one vendor as fast as it may, through the shared budget, in so many loops at once. Settings come
 * as JSON in READER; it writes `ready`, then begins on the first line of its stdin.
 */
import { coupa } from '../../../src/connectors/coupa/index.js';
import { listenForChanges } from '../../../src/control/budget-changes.js';
import { createBudgetStore, type RequestClass } from '../../../src/control/budgets.js';
import { openControl } from '../../../src/control/database.js';
import { createGates } from '../../../src/control/gates.js';
import type { BreakerSettings } from '../../../src/domain/breaker.js';
import type { Rate } from '../../../src/domain/rate.js';
import { Secret } from '../../../src/domain/secret.js';
import { BatonError } from '../../../src/protocol/errors.js';

export interface ReaderSettings {
  readonly controlUrl: string;
  readonly baseUrl: string;
  readonly secret: string;
  readonly rate: Rate | null;
  readonly breaker: BreakerSettings;
  readonly requestClass: RequestClass;
  readonly loops: number;
}

const settings = JSON.parse(process.env['READER'] ?? '{}') as ReaderSettings;
const control = openControl(new Secret(settings.controlUrl), { poolMax: 2 });
const gates = createGates(createBudgetStore(control));
listenForChanges(control, gates.changed);
const gate = gates.open({
  connection: 'coupa',
  tenant: '*',
  requestClass: settings.requestClass,
  rates: settings.rate === null ? [] : [settings.rate],
  breaker: settings.breaker,
});
const { http } = coupa.open({
  name: 'coupa',
  type: 'coupa',
  baseUrl: settings.baseUrl,
  settings: { auth: { clientId: 'baton-demo', clientSecret: new Secret(settings.secret) } },
  limits: { timeoutMs: 2_000, maxResponseBytes: 1_000_000 },
  gate,
  onRequest: ({ rateLimitWaitMs }) => say({ waitedMs: Math.round(rateLimitWaitMs ?? 0) }),
});

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function loop(): Promise<never> {
  for (;;) {
    try {
      await http.read({ method: 'GET', path: '/api/suppliers', query: { limit: 1, fields: '["id"]' } });
    } catch (error) {
      if (!(error instanceof BatonError)) throw error;
      say({ error: error.error });
      // As Temporal does with nextRetryDelay, and as a run does after a vendor's failure.
      await new Promise((resolve) => setTimeout(resolve, error.options.retryAfterMs ?? 100));
    }
  }
}

say({ ready: true });
await new Promise((resolve) => process.stdin.once('data', resolve));
await Promise.all(Array.from({ length: settings.loops }, loop));
