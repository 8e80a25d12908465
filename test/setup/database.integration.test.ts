import { Connection } from '@temporalio/client';
import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';
import { createDatabase } from './database.js';

describe('the servers that tests share', () => {
  it('gives each caller an empty UTF-8 database of its own and drops it', async () => {
    const [one, two] = await Promise.all([createDatabase(), createDatabase()]);
    const client = new pg.Client({ connectionString: one.url });
    await client.connect();
    const { rows } = await client.query(
      "SELECT current_database() AS name, current_setting('server_encoding') AS encoding, current_setting('wal_level') AS level",
    );
    await client.end();
    expect(rows).toEqual([{ name: new URL(one.url).pathname.slice(1), encoding: 'UTF8', level: 'logical' }]);
    expect(two.url).not.toBe(one.url);
    await Promise.all([one.drop(), two.drop()]);
    const gone = new pg.Client({ connectionString: one.url });
    await expect(gone.connect()).rejects.toThrow('does not exist');
  });

  it('has a dev server that knows our search attributes', async () => {
    const connection = await Connection.connect({ address: inject('temporalAddress') });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace: 'default',
    });
    await connection.close();
    expect(Object.keys(customAttributes ?? {})).toEqual(
      expect.arrayContaining(['BatonPipeline', 'BatonTenant', 'BatonTrigger', 'BatonLogicalTime']),
    );
  });
});
