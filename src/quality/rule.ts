/** Table names and parameters that a rule's SQL may use; bindings are named `:threshold` and so on. */
export interface RuleTables {
  readonly suppliers: string;
  readonly invoices: string;
  readonly totals: string;
  readonly customers: string;
}

/** The tables for a rule; null when the source has not all that the rule compares with. */
export function comparedBy({ needs }: Rule, tables: Partial<RuleTables>): RuleTables | null {
  // A name that a rule does not need is in none of its SQL.
  return needs.every((name) => tables[name] !== undefined) ? (tables as RuleTables) : null;
}

/** Evidence of one finding: what the ticket shows. Decimals as text. */
export type Evidence = Readonly<Record<string, unknown>>;

/**
 * One check of purchase orders. `sql` selects `po_id text, evidence jsonb` over the temporary table `scope`
 * (tenant, source, po_id) joined with the facts; a row is a finding. Bindings: `:tenant`, `:source`,
 * `:threshold`, `:absolute`, `:relative`, `:reporting`, `:high`.
 */
export interface Rule {
  readonly name: string;
  /** What is wrong, as a ticket's subject says it: `invoiced more than ordered`. */
  readonly title: string;
  readonly priority: 'low' | 'normal' | 'high';
  /** Which tables its SQL names: where the source has none such, nothing is checked by it. */
  readonly needs: readonly (keyof RuleTables)[];
  readonly sql: (tables: RuleTables) => string;
  /**
   * Selects `po_id` of checked orders that the rule cannot judge now, because what it compares with is not there
   * yet. What was found of them before stays as it is: neither resolved nor reopened. Without it: none.
   */
  readonly undecided?: (tables: RuleTables) => string;
  /** The evidence in sentences for a person. */
  readonly explain: (evidence: Evidence) => string;
}

/** The evidence's value as text; `?` when it is missing. */
export function shown(evidence: Evidence, name: string): string {
  const value = evidence[name];
  return value === null || value === undefined
    ? '?'
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value);
}
