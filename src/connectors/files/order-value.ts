import { Big } from 'big.js';

/** Reference rates of one day: units of each currency for one of the base. */
export interface DayRates {
  readonly base: string;
  /** The day they were published on. */
  readonly date: string;
  readonly rates: Readonly<Record<string, string>>;
}

const target = 'USD';
const cents = 2;

/**
 * `subtotal × (1 + tax)` in USD, to the cent, half up; what is in another currency is converted first. All decimal
 * text. Null when no rate is known to convert with.
 */
export function orderValueUsd(
  order: { readonly subtotal: string; readonly tax: string; readonly currency: string },
  day: DayRates | null,
): string | null {
  const taxed = new Big(order.subtotal).times(new Big(order.tax).plus(1));
  if (order.currency === target) return rounded(taxed);
  const from = rateOf(day, order.currency);
  const to = rateOf(day, target);
  // Multiplied before it is divided: the division is the one step that is not exact.
  return from === null || to === null ? null : rounded(taxed.times(to).div(from));
}

function rateOf(day: DayRates | null, currency: string): Big | null {
  if (day === null) return null;
  if (currency === day.base) return new Big(1);
  const rate = Object.hasOwn(day.rates, currency) ? day.rates[currency] : undefined;
  return rate === undefined ? null : new Big(rate);
}

function rounded(value: Big): string {
  return value.round(cents, Big.roundHalfUp).toFixed(cents);
}

export type PriorityFlag = 'HIGH' | 'STANDARD';

/** HIGH when the value is above the limit, not when it is just that. */
export function priorityFlag(valueUsd: string, highAbove: string): PriorityFlag {
  return new Big(valueUsd).gt(highAbove) ? 'HIGH' : 'STANDARD';
}
