import type { Database } from '../../database/postgres.js';
import type { Violation } from '../../domain/columns.js';

/** A record that failed a rule, kept beside the table it was meant for. */
export interface QuarantinedRecord {
  readonly id: string;
  /** The table it was meant for. */
  readonly target: string;
  readonly tenant: string;
  readonly source: string;
  readonly stream: string;
  readonly record_id: string | null;
  /** The first rule that it failed; `violations` has all. */
  readonly rule: string;
  readonly reason: string;
  readonly path: string;
  readonly value: string | null;
  readonly violations: readonly Violation[];
  /** The vendor's own bytes. */
  readonly raw: string;
  readonly run_id: string;
  readonly batch_id: string;
  readonly part: number;
  readonly line: number;
  /** `superseded` once a later version of the record was loaded. */
  readonly state: 'waiting' | 'superseded';
  readonly quarantined_at: Date;
}

export interface QuarantineFilter {
  readonly runId?: string;
  readonly rule?: string;
  readonly state?: QuarantinedRecord['state'];
  readonly limit: number;
}

export type QuarantineStore = ReturnType<typeof createQuarantineStore>;

/** Reads `quarantine.records`. Empty, not an error, where nothing was ever loaded. */
export function createQuarantineStore(warehouse: Database) {
  const { knex, guard } = warehouse;

  async function exists(): Promise<boolean> {
    const { rows } = await knex.raw("SELECT to_regclass('quarantine.records') IS NOT NULL AS found");
    return rows[0]?.found === true;
  }

  return {
    /** Newest first. */
    list(filter: QuarantineFilter): Promise<QuarantinedRecord[]> {
      return guard('listing the quarantine', async () => {
        if (!(await exists())) return [];
        const query = knex('quarantine.records').select('*').orderBy('id', 'desc').limit(filter.limit);
        if (filter.runId !== undefined) query.where('run_id', filter.runId);
        if (filter.rule !== undefined) query.where('rule', filter.rule);
        if (filter.state !== undefined) query.where('state', filter.state);
        return query;
      });
    },

    /** By its own number, else by the vendor's id of the record (the newest then); null when there is none. */
    find(reference: string): Promise<QuarantinedRecord | null> {
      return guard('reading the quarantine', async () => {
        if (!(await exists())) return null;
        const { rows } = await knex.raw(
          `SELECT * FROM quarantine.records WHERE id::text = ? OR record_id = ? ORDER BY (id::text = ?) DESC, id DESC LIMIT 1`,
          [reference, reference, reference],
        );
        return rows[0] ?? null;
      });
    },
  };
}
