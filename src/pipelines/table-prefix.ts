import { createHash } from 'node:crypto';

/** Leaves room for `_purchase_order_totals` and an index's `_by_batch` within the 63 characters of a name. */
const longest = 32;
const digits = 8;

/**
 * How the tables of a connection begin: its name, `coupa`, where that can begin a table's name; else what is left
 * of it and a digest of the whole, `coupa_eu_5c1cf34c` for `coupa-eu`. Never the same for two connections.
 */
export function tablePrefix(connection: string): string {
  if (/^[a-z_][a-z0-9_]*$/.test(connection) && connection.length <= longest && !looksDerived(connection))
    return connection;
  const digest = createHash('sha256').update(connection).digest('hex').slice(0, digits);
  const rest = connection.replace(/[^a-z0-9_]/g, '_').replace(/^(?=\d)/, '_');
  return `${rest.slice(0, longest - digits - 1)}_${digest}`;
}

/** A connection that is called like another one's derived prefix gets a digest as well. */
function looksDerived(connection: string): boolean {
  return new RegExp(`_[0-9a-f]{${digits}}$`).test(connection);
}
