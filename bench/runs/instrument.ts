/**
 * Loaded into a worker before its program (`node --import`): notes when each activity waited for a vendor or for
 * PostgreSQL, one line each in the file `BENCH_WAITS`: workflow, activity, `http` or `db`, from and to in ms.
 */
import { appendFileSync } from 'node:fs';
import http from 'node:http';
import { activityInfo, Context } from '@temporalio/activity';
import pg from 'pg';

const file = process.env['BENCH_WAITS'] ?? '';
let lines: string[] = [];

/** Begins a wait of the activity that is running here; answers how to end it. */
function begin(kind: 'http' | 'db'): () => void {
  let owner: string;
  try {
    Context.current();
    const { workflowExecution, activityId } = activityInfo();
    owner = `${workflowExecution?.workflowId}\t${activityId}`;
  } catch {
    return () => {}; // not within an activity
  }
  const from = performance.timeOrigin + performance.now();
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    lines.push(`${owner}\t${kind}\t${from}\t${performance.timeOrigin + performance.now()}`);
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a query has seven signatures.
type Query = (this: unknown, ...args: any[]) => any;
const { query } = pg.Client.prototype as unknown as { query: Query };

/** With a callback, as a promise, or as a stream of a COPY. */
(pg.Client.prototype as unknown as { query: Query }).query = function timed(...args) {
  const end = begin('db');
  const at = args.findIndex((arg) => typeof arg === 'function');
  if (at >= 0) {
    const callback = args[at] as (...results: unknown[]) => void;
    args[at] = (...results: unknown[]) => {
      end();
      callback(...results);
    };
  }
  const answer = query.apply(this, args);
  if (typeof answer?.then === 'function') answer.then(end, end);
  else if (typeof answer?.once === 'function')
    for (const event of ['finish', 'end', 'error', 'close']) answer.once(event, end);
  return answer;
};

const { request } = http;
http.request = ((...args: Parameters<typeof http.request>) => {
  const end = begin('http');
  const sent = request(...args);
  sent.once('close', end);
  return sent;
}) as typeof http.request;

function flush(): void {
  if (lines.length === 0) return;
  appendFileSync(file, `${lines.join('\n')}\n`);
  lines = [];
}

setInterval(flush, 100).unref();
process.once('exit', flush);
