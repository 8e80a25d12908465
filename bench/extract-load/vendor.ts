import path from 'node:path';
import { callJson } from '../http-call.js';
import type { Stage } from '../servers.js';
import type { Counts } from './orders.js';

/** The generated API as the bench sees it. */
export interface Vendor {
  readonly url: string;
  readonly pid: number;
  meanBytes(): Promise<number>;
  /** All orders as seeded. */
  reset(): Promise<void>;
  /** A tenth of the orders changes now; answers the counts of those. */
  change(round: number): Promise<Counts>;
  /** Counts of the orders within a window, from the API's own records. */
  counts(window: { readonly from: string | null; readonly to: string }): Promise<Counts>;
}

export async function startVendor(stage: Stage, records: number, pageSize: number): Promise<Vendor> {
  const port = await stage.freePort();
  const program = path.join(import.meta.dirname, 'api.js');
  const { pid } = await stage.start({
    name: 'api',
    args: [program, ...[port, records, pageSize].map(String)],
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    pid,
    meanBytes: async () => (await callJson<{ meanBytes: number }>('GET', `${url}/bench/size`)).meanBytes,
    reset: () => callJson('POST', `${url}/bench/reset`),
    change: (round) => callJson('POST', `${url}/bench/change?round=${round}`),
    counts: ({ from, to }) => {
      const since = from === null ? '' : `updated-at[gt_or_eq]=${from}&`;
      return callJson('GET', encodeURI(`${url}/bench/counts?${since}updated-at[lt]=${to}`));
    },
  };
}
