import { existsSync, readFileSync } from 'node:fs';

/** Milliseconds that an activity waited for the vendor and for PostgreSQL; what overlaps counts once. */
export interface Waits {
  readonly http: number;
  readonly db: number;
}

export type WaitsOf = (workflowId: string, activityId: string) => Waits;

/** What the workers noted so far; see instrument.ts. */
export function readWaits(file: string): WaitsOf {
  const spans = new Map<string, [from: number, to: number][]>();
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  for (const line of text.split('\n').filter((candidate) => candidate !== '')) {
    const [workflow, activity, kind, from, to] = line.split('\t');
    const key = `${workflow}\t${activity}\t${kind}`;
    const known = spans.get(key) ?? [];
    known.push([Number(from), Number(to)]);
    spans.set(key, known);
  }
  const covered = (key: string) => union(spans.get(key) ?? []);
  return (workflowId, activityId) => ({
    http: covered(`${workflowId}\t${activityId}\thttp`),
    db: covered(`${workflowId}\t${activityId}\tdb`),
  });
}

function union(spans: readonly (readonly [number, number])[]): number {
  let sum = 0;
  let reached = Number.NEGATIVE_INFINITY;
  for (const [from, to] of spans.toSorted((a, b) => a[0] - b[0])) {
    sum += Math.max(0, to - Math.max(from, reached));
    reached = Math.max(reached, to);
  }
  return sum;
}
