import { ticketCallout } from '../hooks/freshworks.js';
import { defineSender } from '../port.js';

/** Only its call-outs are taken. */
export const freshdesk = defineSender({
  type: 'freshdesk',
  system: 'Freshdesk',
  webhook: ticketCallout(
    'https://support.freshdesk.com/support/solutions/articles/132589-using-webhooks-in-automation-rules-that-run-on-ticket-updates',
  ),
});
