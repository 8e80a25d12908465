import type { Sandbox } from '../../src/sandbox/sandbox.js';

/** How often each page of each stream was asked for, as the sandbox saw it. */
export interface PageReads {
  /** Requests beyond the first of each page, by stream. */
  surplus(): ReadonlyMap<string, number>;
  /** Counts anew. */
  forget(): void;
}

/** Counts from now on. The sandbox's own log keeps only the last requests. */
export function countPageReads(sandbox: Sandbox): PageReads {
  const reads = new Map<string, Map<string, number>>();
  const add = sandbox.requests.add.bind(sandbox.requests);
  sandbox.requests.add = (request) => {
    add(request);
    const page = request.method === 'GET' ? pageOf(request.vendor, request.path) : null;
    if (page === null) return;
    const pages = reads.get(page.stream) ?? new Map<string, number>();
    pages.set(page.key, (pages.get(page.key) ?? 0) + 1);
    reads.set(page.stream, pages);
  };
  return {
    forget: () => reads.clear(),
    surplus: () =>
      new Map(
        [...reads].map(([stream, pages]) => [
          stream,
          [...pages.values()].reduce((sum, count) => sum + count - 1, 0),
        ]),
      ),
  };
}

function pageOf(vendor: string, path: string): { stream: string; key: string } | null {
  const url = new URL(path, 'http://sandbox');
  const { searchParams: query } = url;
  if (vendor === 'coupa') {
    if (query.get('limit') === '1') return null; // asks for the vendor's clock
    const only = query.has('fields') ? ' (totals)' : '';
    return { stream: `coupa ${url.pathname}${only}`, key: query.get('id[gt]') ?? 'first' };
  }
  if (vendor === 'salesforce' && url.pathname.includes('/query'))
    return { stream: 'salesforce', key: `${url.pathname}${url.search}` };
  return null;
}
