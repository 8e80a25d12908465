import type { BucketLimit } from './leaky-bucket.js';

/** The credentials that the sandbox accepts, exactly these. */
export interface SandboxSecrets {
  readonly coupaClientSecret: string;
  readonly zendeskApiToken: string;
  readonly salesforceClientSecret: string;
  readonly slackBotToken: string;
}

export interface SandboxOptions {
  /** 0 = any free port. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Seeded purchase orders; default 3000. */
  readonly records?: number;
  /** Default 1. */
  readonly seed?: number;
  /** Folder of the journal; absent = everything in memory. */
  readonly stateDir?: string;
  readonly secrets: SandboxSecrets;
  /** Default: the machine's clock, but never before the end of the seeded time. */
  readonly clock?: () => Date;
  /** Adds and changes orders as time goes. */
  readonly live?: boolean;
  /** Coupa's rate limit; null = none. Default 25 a second with a burst of 20. */
  readonly coupaLimit?: BucketLimit | null;
  /** Whether lists of orders show the planted duplicates; default true. */
  readonly duplicates?: boolean;
}
