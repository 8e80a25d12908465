import { type Answer, type Call, json } from '../wire.js';

/** What an export lists: a record as the vendor shows it, and the second in which it last changed. */
export interface Exported {
  readonly second: number;
  readonly id: number;
  readonly shown: Readonly<Record<string, unknown>>;
}

const mostPerPage = 1000;
/** No export begins in the last minute, and those by time show nothing of it. */
const youngestSeconds = 60;

export function invalid(status: number, error: string, description: string): Answer {
  return json(status, { error, description });
}

export function whole(text: string | null, fallback: number): number {
  return text !== null && /^\d+$/.test(text) ? Number(text) : fallback;
}

/** `start_time` in unix seconds, or the vendor's refusal. */
function startTime(call: Call, nowMs: number): number | Answer {
  const start = call.query.get('start_time');
  if (start === null || !/^\d+$/.test(start))
    return invalid(400, 'StartTimeMissing', 'Missing parameter: start_time');
  if (Number(start) <= nowMs / 1000 - youngestSeconds) return Number(start);
  const description = 'Too recent start_time. Use a start_time older than 60 seconds';
  return invalid(422, 'StartTimeTooRecent', description);
}

function readCursor(text: string): Pick<Exported, 'second' | 'id'> | Answer {
  const match = /^(\d+)\.0\|\|(\d+)$/.exec(Buffer.from(text, 'base64').toString());
  if (match === null) return invalid(400, 'InvalidValue', 'Invalid cursor');
  return { second: Number(match[1]), id: Number(match[2]) };
}

const byChange = (a: Exported, b: Exported) => a.second - b.second || a.id - b.id;

/** Pages by cursor, in order of change. `beside` adds what was asked for beside the records. */
export function exportByCursor(
  call: Call,
  member: string,
  all: readonly Exported[],
  nowMs: number,
  beside: (page: readonly Exported[]) => Readonly<Record<string, unknown>> = () => ({}),
): Answer {
  const given = call.query.get('cursor');
  const start = given === null ? startTime(call, nowMs) : readCursor(given);
  if (typeof start === 'object' && 'status' in start) return start;
  const from = typeof start === 'number' ? { second: start, id: 0 } : start;
  const size = Math.min(mostPerPage, whole(call.query.get('per_page'), mostPerPage));
  const rest = all
    .filter((one) => one.second > from.second || (one.second === from.second && one.id > from.id))
    .toSorted(byChange);
  const page = rest.slice(0, size);
  const position = page.at(-1) ?? from;
  const cursor = Buffer.from(`${position.second}.0||${position.id}`).toString('base64');
  const url = `${call.baseUrl}${call.path}?cursor=${encodeURIComponent(cursor)}&per_page=${size}`;
  return json(200, {
    [member]: page.map(({ shown }) => shown),
    ...beside(page),
    after_url: url,
    before_url: null,
    after_cursor: cursor,
    before_cursor: null,
    end_of_stream: rest.length <= size,
  });
}

/** Pages by time: each begins with the second in which the one before ended, and no second is cut in two. */
export function exportByTime(call: Call, member: string, all: readonly Exported[], nowMs: number): Answer {
  const start = startTime(call, nowMs);
  if (typeof start === 'object') return start;
  const size = Math.min(mostPerPage, whole(call.query.get('per_page'), mostPerPage));
  const until = nowMs / 1000 - youngestSeconds;
  const rest = all.filter(({ second }) => second >= start && second <= until).toSorted(byChange);
  const end = rest[size - 1]?.second ?? rest.at(-1)?.second ?? start;
  const page = rest.filter(({ second }) => second <= end);
  return json(200, {
    [member]: page.map(({ shown }) => shown),
    count: page.length,
    end_time: end,
    next_page: `${call.baseUrl}${call.path}?start_time=${end}&per_page=${size}`,
    end_of_stream: page.length === rest.length,
  });
}
