import type { Gate, Passage, Quota, RequestOutcome } from '../connectors/gate.js';
import type { BreakerSettings } from '../domain/breaker.js';
import type { Rate } from '../domain/rate.js';
import { BatonError } from '../protocol/errors.js';
import type { BudgetKey, BudgetStore, Granted, RequestClass } from './budgets.js';
import { createMeter, heldBack, type Meter, type MeterPlace } from './meter.js';
import { createReporter, type Reporter } from './reporter.js';

/** How long nobody asks after a 429 that names no time. */
const holdMs = 1_000;

export interface GateOptions extends BudgetKey {
  readonly requestClass: RequestClass;
  /** Narrowest window first; none = no limit, only the breaker. */
  readonly rates: readonly Rate[];
  readonly breaker: BreakerSettings;
}

/** The gates of one process. */
export interface Gates {
  open(options: GateOptions): Gate;
  /** Something changed in a connection's row: what was leased under it is given up. */
  changed(key: BudgetKey): void;
  close(): Promise<void>;
}

/**
 * Gates over the control database, shared by all workers. Each request passes the rows of its narrower quotas first
 * and the connection's own last, where the breaker is, so that its moment is that of the last one.
 */
export function createGates(store: BudgetStore): Gates {
  const meters = new Map<string, { readonly key: string; readonly meter: Meter }>();
  const reporters = new Map<string, Reporter>();

  function meterOf(options: GateOptions, quota: string, rate: Rate | null): Meter {
    const key = keyOf(options);
    const id = JSON.stringify([key, quota, options.requestClass]);
    const known = meters.get(id);
    if (known !== undefined) return known.meter;
    const { requestClass, breaker, connection } = options;
    let declared = false;
    const acquire = async (wanted: number): Promise<Granted> => {
      // Once per process, so that new limits hold; and again should the row be lost.
      for (let tries = 0; tries < 3; tries += 1) {
        if (!declared) await store.declare(options, quota, rate, breaker);
        declared = true;
        const granted = await store.acquire(options, quota, requestClass, wanted);
        if (granted !== null) return granted;
        declared = false;
      }
      throw new BatonError('ERR_INTERNAL', { detail: `The budget of ${connection} cannot be declared.` });
    };
    const name = quota === '' ? connection : `${connection} (${quota})`;
    const meter = createMeter({ name, acquire });
    meters.set(id, { key, meter });
    return meter;
  }

  function reporterOf(options: BudgetKey): Reporter {
    const known = reporters.get(keyOf(options));
    if (known !== undefined) return known;
    const reporter = createReporter((report) => store.report(options, report));
    reporters.set(keyOf(options), reporter);
    return reporter;
  }

  function changed(key: BudgetKey): void {
    for (const { key: of, meter } of meters.values()) if (of === keyOf(key)) meter.forget();
  }

  return {
    changed,
    open(options) {
      const [own, ...wider] = options.rates;
      const always = wider.map((rate) => ({ name: windowOf(rate), rate }));
      const reporter = reporterOf(options);

      /** A place of an hour or a day is not taken for a request that the breaker holds back. */
      async function expectUp(key: GateOptions): Promise<void> {
        const outage = await store.outage(key);
        if (outage !== null) throw heldBack(key.connection, outage.waitMs, 'breaker');
      }

      async function settle(place: MeterPlace, quota: Quota | undefined, outcome: RequestOutcome) {
        const { told, holdForMs } = judged(outcome, quota);
        if (holdForMs !== null) {
          await store.hold(options, quota?.name ?? '', holdForMs).catch(() => {});
          changed(options);
        }
        await reporter.report(told, place.probe);
        if (outcome.kind === 'failed' || place.probe !== null) changed(options);
      }

      return {
        async pass({ quota, credits = 1 } = {}, signal): Promise<Passage> {
          let waitedMs = 0;
          if (quota?.wider !== undefined) await expectUp(options);
          for (const { name, rate } of quota === undefined ? always : [...always, ...rowsOf(quota)])
            waitedMs += (await meterOf(options, name, rate).take(signal)).waitedMs;
          const meter = meterOf(options, '', own ?? null);
          let place = await meter.take(signal);
          // A probe is one request, whatever it counts for.
          for (let taken = 1; taken < credits && place.probe === null; taken += 1) {
            waitedMs += place.waitedMs;
            place = await meter.take(signal);
          }
          return {
            waitedMs: waitedMs + place.waitedMs,
            settle: (outcome) => settle(place, quota, outcome),
          };
        },
        outage: () => store.outage(options),
      };
    },
    async close() {
      await Promise.all([...reporters.values()].map((reporter) => reporter.close()));
    },
  };
}

/** Narrower windows first: a place of the day is taken only where all others are there. */
function rowsOf({ name, rate, wider = [] }: Quota) {
  return [{ name, rate }, ...wider.map((one) => ({ name: `${name} ${windowOf(one)}`, rate: one }))];
}

function windowOf({ perMs }: Rate): string {
  return `per ${perMs / 1000} s`;
}

/** For how long nobody asks after this, and what of it is told to the connection's own row. */
function judged(
  outcome: RequestOutcome,
  quota: Quota | undefined,
): { readonly told: RequestOutcome; readonly holdForMs: number | null } {
  if (outcome.kind === 'limited') return { told: outcome, holdForMs: outcome.retryAfterMs ?? holdMs };
  if (outcome.kind !== 'ok' || outcome.reading?.isOfQuota !== true || quota === undefined)
    return { told: outcome, holdForMs: null };
  const { remaining, resetsInMs } = outcome.reading;
  return { told: { kind: 'ok' }, holdForMs: remaining > 0 ? null : resetsInMs };
}

function keyOf({ connection, tenant }: BudgetKey): string {
  return JSON.stringify([connection, tenant]);
}
