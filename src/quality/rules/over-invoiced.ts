import { type Rule, shown } from '../rule.js';

/**
 * Invoiced ≤ ordered, per order and per line, in the order's currency. Credit notes count negative; drafts and
 * voided, abandoned or cancelled invoices do not count.
 */
export const overInvoiced: Rule = {
  name: 'over_invoiced',
  title: 'more is invoiced than was ordered',
  priority: 'high',
  sql: (tables) =>
    `
    SELECT po_id, evidence FROM (
      SELECT f.po_id, f.total, f.currency, i.invoiced, i.lines_over,
             jsonb_build_object('currency', f.currency, 'ordered', f.total::text, 'invoiced', i.invoiced::text,
               'difference', (i.invoiced - f.total)::text, 'invoices', i.invoices, 'lines', i.lines_over) AS evidence
      FROM scope JOIN checked f USING (po_id)
      CROSS JOIN LATERAL (
        SELECT sum(amount) AS invoiced, jsonb_agg(DISTINCT invoice_number ORDER BY invoice_number) AS invoices,
               (SELECT jsonb_agg(jsonb_build_object('line', o.line_num, 'ordered', o.total::text, 'invoiced', x.amount::text) ORDER BY o.line_id)
                FROM (SELECT order_line_id, sum(amount) AS amount FROM invoiced_lines v
                      WHERE v.po_number = f.po_number AND v.currency = f.currency GROUP BY order_line_id) x
                JOIN analytics.po_line_fact o ON o._tenant = f._tenant AND o._source = f._source AND o.po_id = f.po_id AND o.line_id = x.order_line_id
                WHERE x.amount - o.total > greatest(:absolute::numeric, abs(o.total) * :relative::numeric)) AS lines_over
        FROM invoiced_lines v WHERE v.po_number = f.po_number AND v.currency = f.currency
      ) i
    ) c
    WHERE invoiced - total > greatest(:absolute::numeric, abs(total) * :relative::numeric) OR lines_over IS NOT NULL`.replaceAll(
      'invoiced_lines',
      `(SELECT inv.invoice_number, inv.currency, l.po_number, l.order_line_id,
             CASE WHEN inv.document_type = 'Credit Note' THEN -abs(l.total) ELSE l.total END AS amount
      FROM ${tables.invoices} inv
      CROSS JOIN LATERAL json_to_recordset(inv.lines) AS l(po_number text, order_line_id text, total numeric)
      JOIN scope_numbers USING (po_number)
      WHERE inv._tenant = :tenant AND inv._source = :source AND NOT inv._deleted AND l.total IS NOT NULL
        AND NOT coalesce(inv.canceled, false) AND inv.status NOT IN ('draft', 'voided', 'abandoned'))`,
    ),
  explain: (evidence) =>
    `Ordered ${shown(evidence, 'ordered')} ${shown(evidence, 'currency')}, invoiced ${shown(evidence, 'invoiced')} by ${shown(evidence, 'invoices')}: ${shown(evidence, 'difference')} too much.`,
};
