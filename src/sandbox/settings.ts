import type { BucketLimit } from './leaky-bucket.js';

/** What a test or a person may change while the sandbox runs (`POST /_admin/settings`). */
export interface Settings {
  /** Null = no limit. */
  coupaLimit: BucketLimit | null;
  /** Sent with Coupa's 429 when set; the vendor does not document one. */
  coupaRetryAfterSeconds: number | null;
  /** Scopes granted to the client. */
  coupaScopes: readonly string[];
  /** Whether lists show the planted duplicates. */
  duplicates: boolean;
  /** Whether Ariba's limits hold. */
  aribaLimited: boolean;
  /** How long an asynchronous job of Ariba’s is at work. */
  aribaJobMs: number;
  /** Of its result: records a file, files a job. */
  aribaRecordsPerFile: number;
  aribaFilesPerJob: number;
  /** A job that finds more than this ends with errorMaxReached. */
  aribaMostRecords: number;
  /** Requests a minute; null = no limit. */
  zendeskPerMinute: number | null;
  zendeskIncrementalPerMinute: number | null;
  /** How far behind the search index is. */
  zendeskSearchLagMs: number;
  /** Rows per page of a query, at most. */
  salesforceBatchSize: number;
  /** How long a job of the Bulk API is at work. */
  salesforceJobMs: number;
  /** Requests a minute; null = no limit. */
  datadogPerMinute: number | null;
  pagerdutyPerMinute: number | null;
  /** Of Freshdesk and Freshservice, each. */
  freshworksPerMinute: number | null;
  /** What services refuse for good: `ledger/accruals`, or a command's name. */
  servicesRefuse: readonly string[];
  /** How long a sync of Airbyte or Fivetran takes. */
  syncMs: number;
  /** Whether Airbyte lists jobs in the order that is asked for. */
  airbyteOrders: boolean;
  /** Their connections whose syncs fail. */
  syncsFail: readonly string[];
  /** Connections of Fivetran whose syncs are put off. */
  syncsPutOff: readonly string[];
}

export function defaultSettings(): Settings {
  return {
    coupaLimit: { perSecond: 25, burst: 20 },
    coupaRetryAfterSeconds: null,
    coupaScopes: [
      'core.purchase_order.read',
      'core.purchase_order.write',
      'core.invoice.write',
      'core.supplier.read',
      'core.invoice.read',
      'core.common.read',
    ],
    duplicates: true,
    aribaLimited: true,
    aribaJobMs: 0,
    aribaRecordsPerFile: 1_000,
    aribaFilesPerJob: 10,
    aribaMostRecords: 1_000_000,
    zendeskPerMinute: 700,
    zendeskIncrementalPerMinute: 10,
    zendeskSearchLagMs: 60_000,
    salesforceBatchSize: 2000,
    salesforceJobMs: 0,
    datadogPerMinute: null,
    pagerdutyPerMinute: null,
    freshworksPerMinute: null,
    servicesRefuse: [],
    syncMs: 2_000,
    airbyteOrders: true,
    syncsFail: [],
    syncsPutOff: [],
  };
}
