import type { TestWorkflowEnvironment } from '@temporalio/testing';
import pg from 'pg';
import type { Sandbox } from '../../src/sandbox/sandbox.js';

/**
 * Gives a database a clock that can be moved: `now()` and `clock_timestamp()` of a schema that comes before
 * pg_catalog. Call it before anything connects.
 */
export async function installClock(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  await execute(
    url,
    `CREATE SCHEMA clock;
     CREATE TABLE clock.ahead (by interval NOT NULL);
     INSERT INTO clock.ahead VALUES ('0');
     CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE
       AS 'SELECT pg_catalog.now() + by FROM clock.ahead';
     CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
       AS 'SELECT pg_catalog.clock_timestamp() + by FROM clock.ahead';
     ALTER DATABASE ${name} SET search_path = clock, public, pg_catalog;`,
  );
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}

/** Where the skipped time has to be known besides Temporal: the vendors and the control database. */
export interface Clocks {
  /** Sets them to the test server's time; called before each activity. */
  follow(): Promise<void>;
  close(): Promise<void>;
}

export function createClocks(env: TestWorkflowEnvironment, sandbox: Sandbox, controlUrl: string): Clocks {
  const pool = new pg.Pool({ connectionString: controlUrl, max: 1 });
  let ahead = 0;
  let queue = Promise.resolve();

  async function follow(): Promise<void> {
    const wanted = (await env.currentTimeMs()) - Date.now();
    if (wanted - ahead < 200) return;
    await pool.query("UPDATE clock.ahead SET by = $1 * interval '1 millisecond'", [wanted]);
    sandbox.clock.shiftTo(wanted);
    ahead = wanted;
  }

  return {
    follow() {
      queue = queue.then(follow);
      return queue;
    },
    close: () => pool.end(),
  };
}
