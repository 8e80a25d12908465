/** The column types that every warehouse knows. Values travel as text (or null), so no money becomes a float. */
export type ColumnType = 'text' | 'integer' | 'numeric' | 'boolean' | 'date' | 'timestamp' | 'json';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable?: boolean;
  readonly description?: string;
}

/** A canonical row: column name to text (decimal text, RFC 3339 UTC, `true`/`false`, JSON text), or null. */
export type Row = Readonly<Record<string, string | null>>;

/** Why a record cannot be loaded: shown in quarantine beside the raw value. */
export interface Violation {
  /** Rule in snake_case: `unknown_status`, `not_a_decimal`, `missing_key`, `impossible_date`, `not_json` … */
  readonly rule: string;
  /** Path into the vendor's record, dotted: `order-lines.0.price`. */
  readonly path: string;
  /** One sentence that a person can act on. */
  readonly reason: string;
  /** The raw value found there, as JSON text cut at 200 characters; null when missing. */
  readonly value: string | null;
}

/** A record as it was parsed. */
export interface ParsedRecord {
  readonly fields: Readonly<Record<string, unknown>>;
  /** Names and texts hold a byte a character. */
  readonly inBytes: boolean;
}

/** A mapper's verdict on one record: pure, total, never throws. `parsed` where it could be parsed at all. */
export type Mapped = Verdict & { readonly parsed?: ParsedRecord };

type Verdict =
  | {
      readonly kind: 'row';
      readonly row: Row;
      /** Of an order: its lines, as orderLineColumns has them. */
      readonly lines?: readonly Row[];
    }
  | { readonly kind: 'filtered'; readonly reason: string; readonly id: string | null }
  | { readonly kind: 'quarantined'; readonly violations: readonly Violation[]; readonly id: string | null };
