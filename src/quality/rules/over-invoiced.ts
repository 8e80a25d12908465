import { type Rule, shown } from '../rule.js';

/**
 * Invoiced ≤ ordered, per order and per line, in the order's currency. Credit notes count negative; drafts and
 * voided, abandoned or cancelled invoices do not count.
 */
export const overInvoiced: Rule = {
  name: 'over_invoiced',
  title: 'more is invoiced than was ordered',
  priority: 'high',
  needs: ['invoices'],
  sql: (tables) => `
    WITH invoiced AS MATERIALIZED (
      SELECT l.po_number, inv.currency, l.order_line_id, inv.invoice_number,
             CASE WHEN inv.document_type = 'Credit Note' THEN -abs(l.total) ELSE l.total END AS amount
      FROM ${tables.invoices} inv
      CROSS JOIN LATERAL json_to_recordset(inv.lines) AS l(po_number text, order_line_id text, total numeric)
      JOIN scope_numbers n ON n.po_number = l.po_number
      WHERE inv._tenant = :tenant AND inv._source = :source AND NOT inv._deleted AND l.total IS NOT NULL
        AND NOT coalesce(inv.canceled, false) AND inv.status NOT IN ('draft', 'voided', 'abandoned')
    ), by_order AS (
      SELECT po_number, currency, sum(amount) AS amount, jsonb_agg(DISTINCT invoice_number ORDER BY invoice_number) AS invoices
      FROM invoiced GROUP BY po_number, currency
    ), by_line AS (
      SELECT f.po_id, jsonb_agg(jsonb_build_object('line', o.line_num, 'ordered', o.total::text, 'invoiced', i.amount::text) ORDER BY o.line_id) AS over
      FROM (SELECT po_number, currency, order_line_id, sum(amount) AS amount FROM invoiced GROUP BY 1, 2, 3) i
      JOIN checked f ON f.po_number = i.po_number AND f.currency = i.currency
      JOIN analytics.po_line_fact o ON o._tenant = f._tenant AND o._source = f._source AND o.po_id = f.po_id AND o.line_id = i.order_line_id
      WHERE i.amount - o.total > greatest(:absolute::numeric, abs(o.total) * :relative::numeric)
      GROUP BY f.po_id
    )
    SELECT f.po_id, jsonb_build_object('currency', f.currency, 'ordered', f.total::text, 'invoiced', i.amount::text,
             'difference', (i.amount - f.total)::text, 'invoices', i.invoices, 'lines', by_line.over) AS evidence
    FROM checked f
    JOIN by_order i ON i.po_number = f.po_number AND i.currency = f.currency
    LEFT JOIN by_line ON by_line.po_id = f.po_id
    WHERE by_line.over IS NOT NULL OR i.amount - f.total > greatest(:absolute::numeric, abs(f.total) * :relative::numeric)`,
  explain(evidence) {
    const currency = shown(evidence, 'currency');
    const lines = (evidence['lines'] ?? []) as Record<string, string>[];
    return [
      `Ordered ${shown(evidence, 'ordered')} ${currency}, invoiced ${shown(evidence, 'invoiced')} by ${((evidence['invoices'] ?? []) as string[]).join(', ')}.`,
      ...lines.map(
        (line) =>
          `Line ${line['line']}: ordered ${line['ordered']}, invoiced ${line['invoiced']} ${currency}.`,
      ),
    ].join('\n');
  },
};
