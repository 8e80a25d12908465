import type { SandboxClock } from '../clock.js';

/** Calls per second, minute, hour and day, each application's. https://support.ariba.com/item/view/182740 */
const limits = {
  details: [1, 3, 50, 300],
  count: [1, 3, 50, 300],
  job: [1, 2, 8, 40],
  result: [2, 20, 200, 1000],
} as const satisfies Record<string, readonly number[]>;
export type Family = keyof typeof limits;

const windows = [
  ['Second', 1_000],
  ['Minute', 60_000],
  ['Hour', 3_600_000],
  ['Day', 86_400_000],
] as const;

export interface Admission {
  readonly admitted: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/** Counts each family's calls in fixed windows of the sandbox's clock, as the vendor's headers tell of them. */
export function createAribaLimits(clock: SandboxClock): (family: Family) => Admission {
  const used = new Map<string, { window: number; count: number }>();
  return (family) => {
    const nowMs = clock.ms();
    const counts = windows.map(([name, perMs], at) => {
      const key = `${family} ${name}`;
      const window = Math.floor(nowMs / perMs);
      const known = used.get(key);
      const count = known?.window === window ? known : { window, count: 0 };
      used.set(key, count);
      return { name, count, limit: limits[family][at] ?? 0, resetsInMs: (window + 1) * perMs - nowMs };
    });
    const admitted = counts.every(({ count, limit }) => count.count < limit);
    if (admitted) for (const { count } of counts) count.count += 1;
    // The widest window that is used up is what has to be waited for.
    const spent = counts.findLast(({ count, limit }) => count.count >= limit);
    return {
      admitted,
      headers: {
        ...Object.fromEntries(
          counts.map(({ name, count, limit }) => [
            `X-RateLimit-Remaining-${name}`,
            String(Math.max(0, limit - count.count)),
          ]),
        ),
        ...(spent === undefined ? {} : { 'RateLimit-Reset': String(Math.ceil(spent.resetsInMs / 1000)) }),
      },
    };
  };
}
