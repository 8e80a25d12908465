import type { Window } from '../port.js';

/** Below it stands every call of the REST API. */
export const dataPath = '/services/data/v62.0';

/** With what is in the recycle bin, which `query` leaves out: a deletion changes SystemModstamp as any change does. */
export const queryPath = `${dataPath}/queryAll`;

/** A query of these fields, for what changed in a window or for quoted ids. */
export function soql(
  from: string,
  fields: readonly string[],
  which: Window | { readonly ids: readonly string[] },
): string {
  const select = `SELECT ${[...new Set(fields)].join(', ')} FROM ${from}`;
  if ('ids' in which) return `${select} WHERE Id IN (${which.ids.join(', ')})`;
  const since = which.from === null ? '' : `SystemModstamp >= ${literal(which.from)} AND `;
  return `${select} WHERE ${since}SystemModstamp < ${literal(which.to)} ORDER BY SystemModstamp, Id`;
}

/** A text as SOQL wants it, between quotes of its own. */
export function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}

/** A datetime in SOQL stands unquoted, in UTC. */
function literal(time: string): string {
  return new Date(time).toISOString();
}
