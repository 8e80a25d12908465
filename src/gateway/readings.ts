import { type ControlMeasures, readControlMeasures } from '../control/measures.js';
import { BatonError, type ErrorName } from '../protocol/errors.js';
import { readWarehouseMeasures, type WarehouseMeasures } from '../warehouse/postgres/measures.js';
import { shared, withDeadline } from './deadline.js';
import { countPollers, type PartState, probeParts, type ReadingParts } from './probes.js';

/** What is measured of each part; null where the part did not answer in time. */
export interface Measures {
  readonly parts: readonly PartState[];
  readonly control: ControlMeasures | null;
  readonly warehouse: WarehouseMeasures | null;
  readonly pollers: readonly { readonly queue: string; readonly pollers: number }[] | null;
}

export interface Readings {
  /** Never throws. */
  probe(): Promise<readonly PartState[]>;
  /** Never throws; at most a few seconds. */
  measure(): Promise<Measures>;
}

const statementMs = 3_000;
const totalMs = 5_000;

/**
 * Everything that metrics and pages are made of, asked of the databases and Temporal anew, so that a restart
 * loses nothing. Several askers within two seconds share one answer.
 */
export function createReadings(parts: ReadingParts): Readings {
  const probe = shared(1_000, () => probeParts(parts));
  return {
    probe,
    measure: shared(2_000, async () => {
      const states = await probe();
      const up = new Set(states.filter(({ state }) => state === 'up').map(({ part }) => part));
      const [control, warehouse, pollers] = await Promise.all([
        up.has('control')
          ? attempt(parts, 'ERR_CONTROL_UNAVAILABLE', readControlMeasures(parts.control, statementMs))
          : null,
        up.has('warehouse')
          ? attempt(
              parts,
              'ERR_WAREHOUSE_UNAVAILABLE',
              readWarehouseMeasures(parts.warehouseDatabase, statementMs),
            )
          : null,
        up.has('temporal') ? attempt(parts, 'ERR_TEMPORAL_UNAVAILABLE', countPollers(parts)) : null,
      ]);
      return { parts: states, control, warehouse, pollers };
    }),
  };
}

/** Null, with a line in the log, when the reading fails or takes too long. */
async function attempt<T>({ log }: ReadingParts, name: ErrorName, reading: Promise<T>): Promise<T | null> {
  const late = () => new BatonError(name, { detail: `No measures within ${totalMs / 1000} s.` });
  try {
    return await withDeadline(reading, totalMs, late);
  } catch (error) {
    const code = error instanceof BatonError ? error.code : null;
    log.warn({ code, detail: error instanceof Error ? error.message : String(error) }, 'measuring failed');
    return null;
  }
}
