import { z } from 'zod';
import { type CheckPlan, checkConnection } from '../check.js';
import { type Authenticator, createVendorHttp } from '../http.js';
import { defineConnector, type OpenConnection, type ResolvedConnection, type Stream } from '../port.js';
import { optionalSetting, plainText, secretReference, secretSetting, textSetting } from '../settings.js';
import { createTokenHolder, mintToken, tokenKey } from '../token.js';
import { vendorClock } from '../vendor-clock.js';
import { accountColumns, accountFields, mapAccount } from './account.js';
import {
  caseColumns,
  caseCommentColumns,
  caseCommentFields,
  caseFields,
  mapCase,
  mapCaseComment,
} from './case.js';
import { standardStatuses } from './case-text.js';
import { contactColumns, contactFields, mapContact } from './contact.js';
import { salesforceDesk } from './desk.js';
import { salesforceProblem } from './problem.js';
import { salesforceReading } from './reading.js';
import { dataPath } from './soql.js';
import { defaultBulkAbove, fieldName, type SalesforceConnection, salesforceStream } from './stream.js';
import { salesforceWebhook } from './webhook.js';

const streams = {
  accounts: salesforceStream({
    name: 'accounts',
    from: 'Account',
    columns: accountColumns,
    fields: accountFields,
    map: mapAccount,
  }),
  contacts: salesforceStream({
    name: 'contacts',
    from: 'Contact',
    columns: contactColumns,
    fields: contactFields,
    map: mapContact,
  }),
  cases: salesforceStream({
    name: 'cases',
    from: 'Case',
    columns: caseColumns,
    fields: caseFields,
    map: mapCase,
  }),
  case_comments: salesforceStream({
    name: 'case_comments',
    from: 'CaseComment',
    columns: caseCommentColumns,
    fields: caseCommentFields,
    map: mapCaseComment,
  }),
} as const satisfies Record<string, Stream>;

const connection = z.strictObject({
  /** A list of more records than this is left to a job of the Bulk API 2.0; 20,000 when not given. */
  bulkAbove: z
    .int({ error: 'must be a whole number' })
    .min(0, { error: 'must not be less than 0' })
    .optional(),
  auth: z.strictObject({ clientId: plainText, clientSecret: secretReference }),
  /** The field of Case that holds the key of a ticket of ours: text, an external id, unique; Baton_Key__c when not given. */
  keyField: z
    .string()
    .regex(/^[A-Za-z]\w{0,76}__c$/, { error: 'must be the name of a custom field, such as Baton_Key__c' })
    .optional(),
  /** The organisation’s words for a case that is open, and for one that is closed; New and Closed when not given. */
  statuses: z.strictObject({ open: plainText, solved: plainText }).partial().optional(),
});

export const salesforce = defineConnector<z.infer<typeof connection>>({
  type: 'salesforce',
  system: 'Salesforce',
  verifiedAgainst: ['sandbox'],
  connection,
  writes: { 'ticket.open': ['exact'], 'ticket.update': ['once_after_looking'] },
  streams,
  webhook: salesforceWebhook,
  open,
});

function open(settings: ResolvedConnection): OpenConnection {
  const clientId = textSetting(settings, 'auth.clientId');
  const clientSecret = secretSetting(settings, 'auth.clientSecret');
  // Salesforce tells no lifetime: the token is used until it is refused, on the host that came with it.
  const holder = createTokenHolder({
    key: tokenKey(settings.name, settings.baseUrl, clientId, clientSecret),
    // https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_client_credentials_flow.htm
    mint: () =>
      mintToken(http, '/services/oauth2/token', { client_id: clientId, client_secret: clientSecret }),
  });
  const http = createVendorHttp({
    connection: settings.name,
    system: 'Salesforce',
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    reading: salesforceReading,
    onRequest: settings.onRequest,
    renewed: settings.renewed,
    authenticator: holder,
    problem: salesforceProblem,
    secrets: [clientSecret],
  });
  const { bulkAbove } = settings.settings;
  const opened: SalesforceConnection = {
    name: settings.name,
    http,
    bulkAbove: typeof bulkAbove === 'number' ? bulkAbove : defaultBulkAbove,
    // https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_limits.htm
    vendorNow: (signal) => vendorClock(http, { method: 'GET', path: `${dataPath}/limits`, signal }),
    check: (signal) => checkConnection(opened, checkPlan(clientId, holder), signal),
    ticketDesk: salesforceDesk({
      http,
      keyField: fieldName(optionalSetting(settings, 'keyField') ?? 'Baton_Key__c'),
      statuses: {
        open: optionalSetting(settings, 'statuses.open') ?? standardStatuses.open,
        solved: optionalSetting(settings, 'statuses.solved') ?? standardStatuses.solved,
      },
    }),
    close: () => http.close(),
  };
  return opened;
}

function checkPlan(clientId: string, holder: Authenticator): CheckPlan {
  return {
    system: 'Salesforce',
    streams: Object.values(streams),
    async authenticate(signal) {
      await holder.authorize(signal);
      return `client ${clientId}`;
    },
    authFix:
      'Salesforce: Setup › App Manager › the connected app: check consumer key and secret, that the client credentials flow is on with a run-as user, and that baseUrl is your My Domain host.',
    scopeFix: (scope) =>
      `Salesforce: Setup › Permission Sets of the run-as user: allow to ${scope}, its fields included.`,
  };
}
