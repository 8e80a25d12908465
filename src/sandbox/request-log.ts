import type { VendorName } from './wire.js';

export interface LoggedRequest {
  readonly at: string;
  readonly vendor: VendorName;
  readonly method: string;
  /** Path and query as received, below the vendor's prefix. */
  readonly path: string;
  readonly template: string;
  /** HTTP status, or how the fault ended it: `hang`, `reset`, `truncate` … */
  readonly outcome: string;
}

export interface RequestCount {
  readonly vendor: VendorName;
  readonly method: string;
  readonly path: string;
  readonly outcome: string;
  readonly count: number;
}

const kept = 1_000;

/** Counts since start, and the last thousand requests. */
export class RequestLog {
  readonly #counts = new Map<string, number>();
  #last: LoggedRequest[] = [];

  add(request: LoggedRequest): void {
    const key = [request.vendor, request.method, request.template, request.outcome].join(' ');
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.#last.push(request);
    if (this.#last.length > 2 * kept) this.#last = this.#last.slice(-kept);
  }

  counts(): readonly RequestCount[] {
    return [...this.#counts].map(([key, count]) => {
      const [vendor, method = '', path = '', outcome = ''] = key.split(' ');
      return { vendor: vendor as VendorName, method, path, outcome, count };
    });
  }

  last(limit: number = kept): readonly LoggedRequest[] {
    return this.#last.slice(-Math.min(limit, kept));
  }

  clear(): void {
    this.#counts.clear();
    this.#last = [];
  }
}
