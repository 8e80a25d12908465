import { type Rule, shown } from '../rule.js';

/** Line total = price × quantity, within tolerance. Amount lines have no quantity and nothing to multiply. */
export const lineTotal: Rule = {
  name: 'line_total',
  title: 'a line total is not price × quantity',
  priority: 'normal',
  needs: [],
  sql: () => `
    SELECT f.po_id, jsonb_build_object('currency', f.currency, 'lines', jsonb_agg(jsonb_build_object(
             'line', l.line_num, 'price', l.price::text, 'quantity', l.quantity::text,
             'expected', (l.price * l.quantity)::text, 'found', l.total::text) ORDER BY l.line_id)) AS evidence
    FROM scope JOIN checked f USING (po_id)
    JOIN analytics.po_line_fact l ON l._tenant = f._tenant AND l._source = f._source AND l.po_id = f.po_id
    WHERE l.price IS NOT NULL AND l.quantity IS NOT NULL
      AND abs(l.total - l.price * l.quantity) > greatest(:absolute::numeric, abs(l.price * l.quantity) * :relative::numeric)
    GROUP BY f.po_id, f.currency`,
  explain(evidence) {
    const lines = (evidence['lines'] ?? []) as Record<string, string>[];
    return lines
      .map(
        (line) =>
          `Line ${line['line']}: ${line['price']} × ${line['quantity']} = ${line['expected']}, but its total says ${line['found']} ${shown(evidence, 'currency')}.`,
      )
      .join('\n');
  },
};
