const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const shortForm = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/;
const shortPart = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g;
const isoForm = /^P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** Milliseconds of `2m`, `1h30m`, `500ms`, `PT5M`, `P1D`, or a number of seconds; null when it is none of these. */
export function parseDuration(value: string | number): number | null {
  const text = String(value).trim();
  if (/^\d+(?:\.\d+)?$/.test(text)) return whole(Number(text) * 1_000);
  if (shortForm.test(text)) return whole(sumShort(text));
  const iso = isoForm.exec(text);
  return iso === null ? null : whole(sumIso(iso));
}

/** The shortest of our own forms: `90s` stays `90s`, 120 000 ms is `2m`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (milliseconds % unitMs[unit] === 0) return `${milliseconds / unitMs[unit]}${unit}`;
  }
  return `${milliseconds}ms`;
}

function sumShort(text: string): number {
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(shortPart)) {
    sum += Number(amount) * unitMs[unit as keyof typeof unitMs];
  }
  return sum;
}

function sumIso(parts: RegExpExecArray): number {
  const units = [unitMs.w, unitMs.d, unitMs.h, unitMs.m, unitMs.s];
  return units.reduce((sum, unit, index) => sum + Number(parts[index + 1] ?? 0) * unit, 0);
}

function whole(milliseconds: number): number | null {
  const rounded = Math.round(milliseconds);
  return Number.isSafeInteger(rounded) ? rounded : null;
}
