/** A column's value as PostgreSQL writes it; undefined where it was not sent, because it had not changed. */
export interface CellText {
  readonly name: string;
  readonly typeOid: number;
  readonly text: string | null | undefined;
}

/** https://www.postgresql.org/docs/current/catalog-pg-type.html */
const oids = {
  bool: 16,
  int2: 21,
  int4: 23,
  oid: 26,
  float4: 700,
  float8: 701,
  json: 114,
  jsonb: 3802,
} as const;
const numbers: ReadonlySet<number> = new Set([oids.int2, oids.int4, oids.oid, oids.float4, oids.float8]);

/**
 * A row as JSON text. What a JSON number holds exactly is one; int8 and numeric are texts, as are times and whatever
 * else: PostgreSQL’s own digits and words. json and jsonb stand in it as they are.
 */
export function rowJson(cells: readonly CellText[]): string {
  const members = cells.flatMap(({ name, typeOid, text }) =>
    text === undefined ? [] : [`${JSON.stringify(name)}:${text === null ? 'null' : literal(typeOid, text)}`],
  );
  return `{${members.join(',')}}`;
}

function literal(typeOid: number, text: string): string {
  if (typeOid === oids.bool) return text === 't' || text === 'true' ? 'true' : 'false';
  if (typeOid === oids.json || typeOid === oids.jsonb) return jsonOrText(text);
  // NaN and Infinity are no JSON.
  if (numbers.has(typeOid) && /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/.test(text)) return text;
  return JSON.stringify(text);
}

/** Line breaks in JSON stand between tokens only. */
function jsonOrText(text: string): string {
  try {
    JSON.parse(text);
    return text.replace(/[\r\n]+/g, ' ');
  } catch {
    return JSON.stringify(text);
  }
}
