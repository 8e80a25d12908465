import { z } from 'zod';
import type { Alert } from '../../domain/alert.js';
import type { Delivery, HookRequest, Webhook } from '../webhook.js';
import { secretSettings, secretsOf } from './secrets.js';
import { verifyShared } from './shared-secret.js';

/** A header's name as HTTP has it, https://www.rfc-editor.org/rfc/rfc9110#name-field-names . */
export const headerName = z
  .string({ error: 'must be the name of a header' })
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, { error: 'must be the name of a header' })
  .transform((name) => name.toLowerCase());

/** The webhook of a vendor that signs nothing: a secret in a header that its administrator adds to each request. */
export function headerSecretWebhook(vendor: {
  readonly docs: string;
  readonly resendMs: number;
  readonly describe: (request: HookRequest, content: unknown) => Delivery;
  readonly alerts?: (content: unknown) => readonly Alert[];
}): Webhook {
  return {
    docs: vendor.docs,
    contentTypes: ['application/json'],
    settings: z.strictObject({ ...secretSettings, header: headerName.prefault('x-baton-secret') }),
    resendMs: vendor.resendMs,
    ...(vendor.alerts === undefined ? {} : { alerts: vendor.alerts }),
    open(settings) {
      const header = String(settings['header']);
      return {
        verify: ({ headers }) => verifyShared(header, headers[header], secretsOf(settings)),
        describe: vendor.describe,
      };
    },
  };
}
