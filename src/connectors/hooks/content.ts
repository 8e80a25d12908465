/** Reads what a delivery says of itself: whatever is not there, or is something else, is null. */

/** The value at a path of names; undefined where there is none. */
export function valueAt(content: unknown, ...path: readonly string[]): unknown {
  let value = content;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** A text, or a whole number that is exact; null for an empty one and for one that cannot be stored as text. */
export function idAt(content: unknown, ...path: readonly string[]): string | null {
  const value = valueAt(content, ...path);
  if (typeof value === 'string')
    return value !== '' && value.length <= 255 && !unstorable.test(value) ? value : null;
  return Number.isSafeInteger(value) ? String(value) : null;
}

/** A text of at most a few thousand characters, whatever stands in it; null for an empty one. */
export function textAt(content: unknown, ...path: readonly string[]): string | null {
  const value = valueAt(content, ...path);
  return typeof value === 'string' && value !== '' ? storable(value) : null;
}

/** The members of an object that are texts. */
export function textsAt(content: unknown, ...path: readonly string[]): Readonly<Record<string, string>> {
  const value = valueAt(content, ...path);
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, text]): [string, string][] =>
      typeof text === 'string' ? [[storable(name), storable(text)]] : [],
    ),
  );
}

/** A time as RFC 3339 in UTC; null for what is none. */
export function instantAt(content: unknown, ...path: readonly string[]): string | null {
  return timeAt(content, ...path)?.toISOString() ?? null;
}

/** As a database holds it, and no longer than anybody reads. */
function storable(text: string): string {
  return text.replace(/[\0\p{Surrogate}]/gu, '\ufffd').slice(0, 4_000);
}

/** The first of these that is there. */
export function firstOf(...values: readonly (string | null)[]): string | null {
  return values.find((value) => value !== null) ?? null;
}

/** A time as text, RFC 3339 or as ISO 8601 has it; null for what is none. */
export function timeAt(content: unknown, ...path: readonly string[]): Date | null {
  const value = valueAt(content, ...path);
  const time = typeof value === 'string' && value.length <= 40 ? Date.parse(value) : Number.NaN;
  // Beyond that no database stores it, and it is a mistake.
  return time > 0 && time < 4_102_444_800_000 ? new Date(time) : null;
}

/** The first of these that is there. */
export function firstTime(...times: readonly (Date | null)[]): Date | null {
  return times.find((time) => time !== null) ?? null;
}

const unstorable = /[\0\p{Surrogate}]/u;
