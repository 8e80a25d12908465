import { distance } from 'fastest-levenshtein';

/** The name that was probably meant: the nearest, if at most a third of its letters (and at least one) differ. */
export function closest(given: string, names: readonly string[]): string | null {
  return closestFew(given, names, 1)[0] ?? null;
}

/** The few nearest names, nearest first; a name that begins with what was given counts as near. */
export function closestFew(given: string, names: readonly string[], most: number): readonly string[] {
  const wanted = given.toLowerCase();
  return names
    .map((name) => ({ name, far: farness(wanted, name.toLowerCase()) }))
    .filter(({ name, far }) => far <= Math.max(1, Math.floor(Math.max(name.length, wanted.length) / 3)))
    .sort((a, b) => a.far - b.far || a.name.localeCompare(b.name))
    .slice(0, most)
    .map(({ name }) => name);
}

/** ` Closest: a, b.`, or `otherwise` when nothing is near: the end of a sentence that names what is not there. */
export function nearest(
  given: string,
  names: readonly string[],
  otherwise = ` There are: ${names.join(', ')}.`,
): string {
  const near = closestFew(given, names, 3);
  return near.length > 0 ? ` Closest: ${near.join(', ')}.` : otherwise;
}

function farness(wanted: string, name: string): number {
  return wanted.length >= 3 && name.startsWith(wanted) ? 0 : distance(wanted, name);
}
