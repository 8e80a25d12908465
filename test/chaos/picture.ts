import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { World } from './world.js';

/**
 * What a run left behind, without what may differ between two runs of the same data (ids, times, places). Two
 * runs over the same seed must leave the same picture, whatever happened to one of them.
 */
export interface Picture {
  /** Rows of each table as text, in order. */
  readonly tables: Readonly<Record<string, readonly string[]>>;
  /** Landed records of each stream, sorted. */
  readonly records: Readonly<Record<string, readonly string[]>>;
  /** Subjects of the visible tickets, sorted. */
  readonly tickets: readonly string[];
}

const queries: Readonly<Record<string, string>> = {
  po_fact: `SELECT concat_ws('|', po_id, source, po_number, status, vendor_status, version, supplier_id, supplier_name,
      customer_account_id, currency, total, total_usd, fx_rate, fx_date, line_count, flags, created_at, updated_at,
      md5(raw::text), _row_hash, _deleted) AS row FROM analytics.po_fact WHERE _tenant = $1 ORDER BY po_id`,
  po_line_fact: `SELECT concat_ws('|', po_id, line_id, _source, line_num, type, description, price, quantity, total,
      invoiced, accounts, created_at, updated_at, _row_hash, _deleted) AS row FROM analytics.po_line_fact WHERE _tenant = $1 ORDER BY po_id, line_id`,
  discrepancies: `SELECT concat_ws('|', po_id, rule, episode, state, evidence, planned_state, planned_evidence) AS row
      FROM analytics.po_discrepancy WHERE tenant = $1 ORDER BY po_id, rule`,
  quarantine: `SELECT concat_ws('|', target, record_id, rule, path, value, violations, state, md5(raw)) AS row
      FROM quarantine.records WHERE tenant = $1 ORDER BY target, md5(raw), line`,
  loads: `SELECT concat_ws('|', target, stream, state, read, loaded, unchanged, quarantined, duplicate, stale, filtered) AS row
      FROM raw._baton_loads WHERE tenant = $1 ORDER BY target, opened_at`,
  suppliers: `SELECT concat_ws('|', supplier_id, _row_hash) AS row FROM raw.coupa_suppliers WHERE _tenant = $1 ORDER BY supplier_id`,
  totals: `SELECT concat_ws('|', po_id, _row_hash) AS row FROM raw.coupa_purchase_order_totals WHERE _tenant = $1 ORDER BY po_id`,
  invoices: `SELECT concat_ws('|', invoice_id, _row_hash) AS row FROM raw.coupa_invoices WHERE _tenant = $1 ORDER BY invoice_id`,
  rates: `SELECT concat_ws('|', rate_date, _row_hash) AS row FROM raw.rates_fx WHERE _tenant = $1 ORDER BY rate_date`,
};

export async function pictureOf(world: World, tenant = 'default'): Promise<Picture> {
  const tables: Record<string, readonly string[]> = {};
  for (const [name, text] of Object.entries(queries))
    tables[name] = (await world.warehouseRows<{ row: string }>(text, [tenant])).map(({ row }) => row);
  return {
    tables,
    records: await landedRecords(world, tenant),
    tickets: (await visibleTickets(world)).map((one) => one.subject).sort(),
  };
}

interface ManifestFile {
  readonly parts: readonly { readonly key: string; readonly records: number }[];
}

/** All records that the manifests of landed batches name, by stream. */
async function landedRecords(world: World, tenant: string): Promise<Record<string, readonly string[]>> {
  const batches = await world.controlRows<{ connection: string; stream: string; manifest_key: string }>(
    `SELECT connection, stream, manifest_key FROM control.batches WHERE state = 'landed' AND manifest_key IS NOT NULL AND tenant = $1 ORDER BY created_at`,
    [tenant],
  );
  const found: Record<string, string[]> = {};
  for (const { connection, stream, manifest_key: key } of batches) {
    const manifest = JSON.parse(readFileSync(path.join(world.lake, key), 'utf8')) as ManifestFile;
    const lines = manifest.parts.flatMap((part) => readPart(world, part.key));
    const name = `${connection}.${stream}`;
    found[name] = [...(found[name] ?? []), ...lines];
  }
  for (const lines of Object.values(found)) lines.sort();
  return found;
}

export function readPart(world: World, key: string): string[] {
  const text = gunzipSync(readFileSync(path.join(world.lake, key))).toString('utf8');
  return text.split('\n').filter((line) => line !== '');
}

export interface SandboxTicket {
  readonly id: number;
  readonly externalId: string | null;
  readonly subject: string;
  readonly status: string;
  readonly tags: readonly string[];
  readonly comments: readonly { readonly body: string }[];
}

export async function allTickets(world: World): Promise<SandboxTicket[]> {
  return (await (await fetch(`${world.sandbox.url}/_admin/tickets`)).json()) as SandboxTicket[];
}

/** Without those that were marked as surplus copies. */
export async function visibleTickets(world: World): Promise<SandboxTicket[]> {
  const tickets = await allTickets(world);
  return tickets.filter((ticket) => ticket.status !== 'deleted' && !ticket.tags.includes('baton_duplicate'));
}
