import { ticketCallout } from '../hooks/freshworks.js';
import { defineSender } from '../port.js';

/** Only its call-outs are taken. */
export const freshservice = defineSender({
  type: 'freshservice',
  system: 'Freshservice',
  webhook: ticketCallout(
    'https://support.freshservice.com/support/solutions/articles/154126-using-webhooks-in-workflow-automator',
  ),
});
