import { type Rule, shown } from '../rule.js';

/**
 * Header total = sum of the lines; Coupa's orders carry neither tax nor shipping beside them. The header is read by a
 * call of its own, so it is compared only when both reads saw the same version of the order.
 */
export const headerTotal: Rule = {
  name: 'header_total',
  title: 'the header total is not the sum of the lines',
  priority: 'high',
  needs: ['totals'],
  sql: (tables) => `
    SELECT f.po_id, jsonb_build_object('currency', f.currency, 'header', h.header_total::text, 'lines', f.total::text,
             'difference', (h.header_total - f.total)::text) AS evidence
    FROM scope JOIN checked f USING (po_id)
    JOIN ${tables.totals} h ON h._tenant = f._tenant AND h._source = f._source AND h.po_id = f.po_id AND h.updated_at = f.updated_at
    WHERE h.header_total IS NOT NULL
      AND abs(h.header_total - f.total)
        > greatest(:absolute::numeric, abs(f.total) * :relative::numeric)`,
  undecided: (tables) => `
    SELECT f.po_id FROM checked f
    WHERE NOT EXISTS (SELECT FROM ${tables.totals} h WHERE h._tenant = f._tenant AND h._source = f._source
                        AND h.po_id = f.po_id AND h.updated_at = f.updated_at AND h.header_total IS NOT NULL)`,
  explain: (evidence) =>
    `The header says ${shown(evidence, 'header')} ${shown(evidence, 'currency')}, the lines add up to ${shown(evidence, 'lines')}: a difference of ${shown(evidence, 'difference')}.`,
};
