import type { IncomingHttpHeaders } from 'node:http';
import type { Fault } from './faults.js';

export const vendorNames = [
  'coupa',
  'zendesk',
  'salesforce',
  'rates',
  'slack',
  'rest',
  'services',
  'teams',
  'freshservice',
  'freshdesk',
  'datadog',
  'pagerduty',
  'webhooks',
  'airbyte',
  'fivetran',
  'ariba',
] as const;
export type VendorName = (typeof vendorNames)[number];

/** One request as a vendor sees it. */
export interface Call {
  readonly method: string;
  /** Path below the vendor's prefix, without the query. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Where the vendor is reached, without a slash at the end: `http://127.0.0.1:4100/salesforce`. */
  readonly baseUrl: string;
  /** The fault in force for this request, for the few that the vendor itself has to act out. */
  readonly fault: Fault | null;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
  /** Fastify path below the vendor's prefix; also the template under which requests are counted. */
  readonly path: string;
  /** Needs no credentials (token endpoints, pages for people). */
  readonly open?: boolean;
  readonly handle: (call: Call) => Answer;
  /** Marks work as begun before a late commit; answers how to unmark it. */
  readonly reserve?: (call: Call) => () => void;
}

/** A simulated vendor: its routes, and how it says no. */
export interface Vendor {
  readonly name: VendorName;
  readonly routes: readonly Route[];
  /** Null = may pass. */
  authenticate(call: Call, route: Route): Answer | null;
  /** Null = within the vendor's rate limit. */
  throttle?(call: Call, route: Route): Answer | null;
  /** An error in the vendor's own shape. */
  refuse(status: number, call: Call): Answer;
  /** Makes every token given out so far invalid. Absent where credentials do not expire. */
  revokeTokens?(): void;
}

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
  };
}

export function html(status: number, body: string): Answer {
  return { status, headers: { 'content-type': 'text/html; charset=utf-8' }, body };
}

/** A JSON object, or null when the text is none. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
