import type { BatonConfig } from '../../config/index.js';
import type { RunRow } from '../../control/runs.js';
import { BatonError } from '../../protocol/errors.js';
import { isLoopback } from '../access.js';
import { withDeadline } from '../deadline.js';
import type { GatewayParts } from '../parts.js';
import type { Measures, Readings } from '../readings.js';

/** What the landing page shows. Null = not known, because the part that knows it does not answer. */
export interface Overview {
  readonly now: Date;
  readonly measures: Measures;
  readonly runs: readonly RunRow[] | null;
  /** Address of the page where a person sees the connection's tickets: the local sandbox; null elsewhere. */
  readonly sandboxes: Readonly<Record<string, string>>;
  readonly temporalUrl: string;
  readonly namespace: string;
}

const shownRuns = 20;
const runsMs = 3_000;

/** Never throws. */
export async function readOverview(parts: GatewayParts, readings: Readings): Promise<Overview> {
  const measures = await readings.measure();
  const { temporal } = parts.config;
  return {
    now: new Date(),
    measures,
    runs: measures.control === null ? null : await lastRuns(parts),
    sandboxes: localSandboxes(parts.config),
    temporalUrl: temporal.uiUrl,
    namespace: temporal.namespace,
  };
}

async function lastRuns({ runs, log }: GatewayParts): Promise<readonly RunRow[] | null> {
  const late = () => new BatonError('ERR_CONTROL_UNAVAILABLE', { detail: 'Listing runs took too long.' });
  try {
    return await withDeadline(runs.list({ limit: shownRuns }), runsMs, late);
  } catch (error) {
    log.warn({ detail: error instanceof Error ? error.message : String(error) }, 'listing runs failed');
    return null;
  }
}

/** Connections that point at this machine, with the page at the root of what they point at. */
function localSandboxes({ connections }: BatonConfig): Readonly<Record<string, string>> {
  const local = Object.entries(connections).flatMap(([name, { baseUrl }]) => {
    if (baseUrl === null) return [];
    const { hostname, origin } = new URL(baseUrl);
    return isLoopback(hostname) ? [[name, `${origin}/`] as const] : [];
  });
  return Object.fromEntries(local);
}
