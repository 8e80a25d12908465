import { type Rule, shown } from '../rule.js';

/** The order's value in the reporting currency is over the threshold. Without a rate nobody knows. */
export const overThreshold: Rule = {
  name: 'over_threshold',
  title: 'the order is over the value threshold',
  priority: 'normal',
  needs: [],
  sql: () => `
    SELECT f.po_id, jsonb_build_object('total', f.total::text, 'currency', f.currency, 'total_usd', f.total_usd::text,
             'reporting_currency', :reporting::text, 'threshold', :threshold::text, 'fx_rate', f.fx_rate::text, 'fx_date', f.fx_date) AS evidence
    FROM scope JOIN checked f USING (po_id)
    WHERE f.total_usd > :threshold::numeric`,
  undecided: () => 'SELECT po_id FROM checked WHERE total_usd IS NULL',
  explain: (evidence) =>
    `The order is worth ${shown(evidence, 'total_usd')} ${shown(evidence, 'reporting_currency')} (${shown(evidence, 'total')} ${shown(evidence, 'currency')} at the rate of ${shown(evidence, 'fx_date')}), over the threshold of ${shown(evidence, 'threshold')}.`,
};
