const pattern =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:(Z|z)|([+-])(\d{2}):?(\d{2}))?)?$/;

/**
 * A vendor's time as RFC 3339 in UTC with three to six places: `2026-05-01T07:25:37.000Z`. Accepts offsets
 * with and without a colon (`+00:00`, `+0000`) and dates alone; without a zone it is taken as UTC. Null for
 * anything else, and for days and hours that do not exist (30 February, 25 o'clock).
 */
export function instantText(value: string): string | null {
  const known = recent.get(value);
  if (known !== undefined) return known;
  const text = read(value);
  if (recent.size >= mostRecent) recent.clear();
  recent.set(value, text);
  return text;
}

/** A document repeats its times in its parts: those read last are kept. */
const recent = new Map<string, string | null>();
const mostRecent = 64;

function read(value: string): string | null {
  const parts = pattern.exec(value);
  if (parts === null) return null;
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = ''] = parts;
  if (!isDay(Number(year), Number(month), Number(day))) return null;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  const offset = offsetMinutes(parts[9], parts[10], parts[11]);
  if (offset === null) return null;
  const places = fraction.slice(0, 6).padEnd(3, '0');
  const minuteOfDay = Number(hour) * 60 + Number(minute) - offset;
  if (minuteOfDay >= 0 && minuteOfDay < 1440) {
    return `${year}-${month}-${day}T${clock(minuteOfDay)}:${second}.${places}Z`;
  }
  const shifted = new Date(
    Date.parse(`${year}-${month}-${day}T00:00:00Z`) + minuteOfDay * 60_000,
  ).toISOString();
  return shifted.length === 24 ? `${shifted.slice(0, 17)}${second}.${places}Z` : null;
}

function clock(minuteOfDay: number): string {
  const hour = Math.floor(minuteOfDay / 60);
  const minute = minuteOfDay % 60;
  return `${hour < 10 ? '0' : ''}${hour}:${minute < 10 ? '0' : ''}${minute}`;
}

/** A calendar day as `YYYY-MM-DD`, also out of a full time (its day in the vendor's own zone); null otherwise. */
export function dayText(value: string): string | null {
  if (instantText(value) === null) return null;
  return value.slice(0, 10);
}

function isDay(year: number, month: number, day: number): boolean {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  return day <= daysIn(year, month);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function offsetMinutes(sign?: string, hours?: string, minutes?: string): number | null {
  if (sign === undefined || hours === undefined || minutes === undefined) return 0;
  if (Number(hours) > 14 || Number(minutes) > 59) return null;
  const total = Number(hours) * 60 + Number(minutes);
  return sign === '-' ? -total : total;
}
