import { createAirbyte } from './airbyte/vendor.js';
import { createAriba } from './ariba/vendor.js';
import type { SandboxClock } from './clock.js';
import { type CoupaChanges, createCoupaChanges } from './coupa/changes.js';
import { type CoupaStore, createCoupaStore } from './coupa/store.js';
import { createCoupa } from './coupa/vendor.js';
import { createDatadog, createDatadogStore, type DatadogStore } from './datadog/vendor.js';
import { createFivetran } from './fivetran/vendor.js';
import { createFreshStores, createFreshVendors } from './freshworks/systems.js';
import type { FreshStore } from './freshworks/vendor.js';
import type { Journal } from './journal.js';
import type { SandboxSecrets } from './options.js';
import { createPagerDuty, createPagerDutyStore, type PagerDutyStore } from './pagerduty/vendor.js';
import { createRates } from './rates/vendor.js';
import { createRestStore, type RestStore } from './rest/store.js';
import { createRest } from './rest/vendor.js';
import { createSalesforceStore, type SalesforceStore } from './salesforce/store.js';
import { createSalesforce } from './salesforce/vendor.js';
import type { Seed } from './seed/seed.js';
import { duplicateIds } from './seed/truth.js';
import { createServiceStore, type ServiceStore } from './services/store.js';
import { createServices } from './services/vendor.js';
import type { Settings } from './settings.js';
import { createSlackStore, type SlackStore } from './slack/store.js';
import { createSlack } from './slack/vendor.js';
import { createSyncStore, type SyncStore } from './syncs.js';
import { createTeams, createTeamsStore, type TeamsStore } from './teams/vendor.js';
import { createWebhookStore, createWebhooks, type WebhookStore } from './webhooks/vendor.js';
import type { Vendor } from './wire.js';
import { createTicketStore, type TicketStore } from './zendesk/tickets.js';
import { createZendesk } from './zendesk/vendor.js';

/** What each vendor holds. */
export interface Stores {
  readonly coupa: { readonly store: CoupaStore; readonly changes: CoupaChanges };
  readonly salesforce: SalesforceStore;
  readonly tickets: TicketStore;
  readonly slack: SlackStore;
  readonly rest: RestStore;
  readonly services: ServiceStore;
  readonly teams: TeamsStore;
  readonly freshservice: FreshStore;
  readonly freshdesk: FreshStore;
  readonly datadog: DatadogStore;
  readonly pagerduty: PagerDutyStore;
  readonly webhooks: WebhookStore;
  readonly airbyte: SyncStore;
  readonly fivetran: SyncStore;
}

export function createStores(seed: Seed, journal: Journal, clock: SandboxClock, settings: Settings): Stores {
  const common = { journal, clock, settings };
  const store = createCoupaStore(seed);
  return {
    coupa: { store, changes: createCoupaChanges(store, journal, clock) },
    salesforce: createSalesforceStore(seed.seed, journal, clock),
    tickets: createTicketStore(journal, clock),
    slack: createSlackStore(journal, clock),
    rest: createRestStore(clock),
    services: createServiceStore(journal, clock),
    teams: createTeamsStore(journal),
    ...createFreshStores(seed.seed, journal),
    datadog: createDatadogStore(journal),
    pagerduty: createPagerDutyStore(journal),
    webhooks: createWebhookStore(journal),
    airbyte: createSyncStore('airbyte', common, 9_001),
    fivetran: createSyncStore('fivetran', common, 1),
  };
}

export interface VendorParts {
  readonly seed: Seed;
  readonly stores: Stores;
  readonly journal: Journal;
  readonly clock: SandboxClock;
  readonly settings: Settings;
  readonly secrets: SandboxSecrets;
}

export function createVendors({
  seed,
  stores,
  journal,
  clock,
  settings,
  secrets,
}: VendorParts): readonly Vendor[] {
  const common = { journal, clock, settings };
  const { coupaClientSecret, salesforceClientSecret, zendeskApiToken, slackBotToken } = secrets;
  return [
    createCoupa({
      ...common,
      ...stores.coupa,
      clientSecret: coupaClientSecret,
      repeated: duplicateIds(seed),
    }),
    createZendesk({
      store: stores.tickets,
      clock,
      settings,
      apiToken: zendeskApiToken,
      seed: seed.seed,
    }),
    createSalesforce({ ...common, store: stores.salesforce, clientSecret: salesforceClientSecret }),
    createAriba({ ...common, orders: stores.coupa.store.purchase_orders }),
    createRates(clock),
    createSlack(stores.slack, slackBotToken),
    createRest(stores.rest),
    createServices(stores.services, settings),
    createTeams(stores.teams),
    ...createFreshVendors(stores, clock, settings),
    createDatadog(stores.datadog, clock, settings),
    createPagerDuty(stores.pagerduty, settings),
    createWebhooks(stores.webhooks),
    createAirbyte(stores.airbyte, clock, journal, settings),
    createFivetran(stores.fivetran),
  ];
}
