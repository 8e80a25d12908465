import { currencyInfo } from '../rates/currencies.js';
import { Draw } from '../rng.js';
import { streams } from './frame.js';
import type { OrderHeader } from './orders.js';

/** A line in whole numbers: minor units of the currency, tenths of a quantity. */
export interface LineSpec {
  readonly number: number;
  readonly kind: 'quantity' | 'amount';
  /** Price in 10^-priceScale units. */
  readonly price: number;
  readonly priceScale: number;
  /** Null on amount lines. */
  readonly quantityTenths: number | null;
  /** What price × quantity comes to, in minor units. */
  readonly total: number;
  /** What the line says it comes to, in minor units. */
  readonly statedTotal: number;
  /** What approved invoices less credit notes come to, in minor units. */
  readonly invoiced: number;
  readonly split: boolean;
}

/** Whole minor units as decimal text. */
export function decimal(units: number, scale: number): string {
  const sign = units < 0 ? '-' : '';
  const digits = String(Math.abs(units)).padStart(scale + 1, '0');
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function lineCount(draw: Draw): number {
  return draw.weighted([
    [1, 60],
    [2, 27],
    [3, 10],
    [5, 3],
  ]);
}

/** The order's worth in US dollars: most orders are small, and only the planted ones come near the threshold. */
function worth(header: OrderHeader, draw: Draw): number {
  const u = draw.next();
  if (header.plant?.kind === 'over_threshold') return 12_500 + Math.floor(40_000 * u * u);
  if (header.plant?.kind === 'large_in_yen_only') return 5_000 + Math.floor(600 * u);
  if (header.plant?.kind === 'just_below_threshold') return 9_300 + Math.floor(200 * u);
  return 20 + Math.floor(2_880 * u * u);
}

function quantityLine(
  draw: Draw,
  amount: number,
  decimals: number,
): Pick<LineSpec, 'price' | 'priceScale' | 'quantityTenths' | 'total'> {
  const quantityTenths = draw.chance(0.12) ? draw.int(1, 30) * 10 + 5 : draw.int(1, 20) * 10;
  const priceScale = decimals + (draw.chance(0.1) ? 2 : 0);
  const price = Math.max(1, Math.floor((amount * 10 ** (priceScale - decimals) * 10) / quantityTenths));
  const total = Math.max(1, Math.round((price * quantityTenths) / 10 ** (priceScale - decimals + 1)));
  return { price, priceScale, quantityTenths, total };
}

function statedTotal(header: OrderHeader, number: number, total: number): number {
  if (number !== 1) return total;
  if (header.plant?.kind === 'line_total_mismatch') return total + Math.max(2, Math.floor(total / 5));
  if (header.plant?.kind === 'line_within_tolerance') return total + Math.floor(total / 500);
  return total;
}

function invoicedOf(header: OrderHeader, number: number, total: number): number {
  if (header.invoicing === 'none') return 0;
  if (header.invoicing === 'half') return Math.floor(total / 2);
  if (header.invoicing === 'over' && number === 1) return total + excess(total);
  return total;
}

/** By how much the first line of a planted order is invoiced beyond what was ordered. */
export function excess(total: number): number {
  return Math.max(2, Math.floor((total * 3) / 10));
}

export function orderLines(seed: number, header: OrderHeader): readonly LineSpec[] {
  const draw = new Draw(seed, streams.body, header.index);
  const { perEuro, decimals } = currencyInfo(header.currency);
  const usd = currencyInfo('USD').perEuro;
  const count = lineCount(draw);
  const amount = Math.max(1, Math.floor((worth(header, draw) * perEuro * 10 ** decimals) / usd / count));
  return Array.from({ length: count }, (_, at) => {
    const number = at + 1;
    const wantsQuantity = number === 1 && header.plant?.kind === 'line_total_mismatch';
    const asAmount = !wantsQuantity && draw.chance(0.08);
    const spec = asAmount
      ? { price: amount, priceScale: decimals, quantityTenths: null, total: amount }
      : quantityLine(draw, amount, decimals);
    return {
      number,
      kind: asAmount ? ('amount' as const) : ('quantity' as const),
      ...spec,
      statedTotal: statedTotal(header, number, spec.total),
      invoiced: invoicedOf(header, number, spec.total),
      split: draw.chance(0.06),
    };
  });
}

/** What the order's header says it comes to, in minor units. */
export function headerTotal(header: OrderHeader, lines: readonly LineSpec[]): number {
  const sum = lines.reduce((total, line) => total + line.statedTotal, 0);
  if (header.plant?.kind === 'header_total_mismatch') return sum + Math.max(3, Math.floor(sum / 8));
  if (header.plant?.kind === 'header_within_tolerance') return sum + Math.floor(sum / 500);
  return sum;
}
