import { type Rule, shown } from '../rule.js';

/** The order names a supplier that the vendor's own list of suppliers does not have. */
export const unknownSupplier: Rule = {
  name: 'unknown_supplier',
  title: 'the supplier is not known',
  priority: 'high',
  needs: ['suppliers'],
  sql: (tables) => `
    SELECT f.po_id, jsonb_build_object('supplier_id', f.supplier_id, 'supplier_name', f.supplier_name) AS evidence
    FROM scope JOIN checked f USING (po_id)
    LEFT JOIN ${tables.suppliers} s ON s._tenant = f._tenant AND s._source = f._source AND s.supplier_id = f.supplier_id AND NOT s._deleted
    WHERE s.supplier_id IS NULL`,
  explain: (evidence) =>
    `The order names supplier ${shown(evidence, 'supplier_id')} (${shown(evidence, 'supplier_name')}), which is not in the list of suppliers.`,
};
