import { isGone } from '../is-gone.js';
import type { Acknowledgement } from '../port.js';
import { parseObject } from '../read-page.js';
import { idOf } from '../record.js';

/**
 * Coupa's flag `exported`, by a request of its own: whatever else that asks for may be ignored. A new version of an
 * order, sent to its supplier again, is not exported any more; so the flag must have one owner.
 */
export function exportedFlag(path: string): Acknowledgement {
  return {
    docs: 'https://compass.coupa.com/en-us/products/product-documentation/integration-technical-documentation/the-coupa-core-api/get-started-with-the-api/exported-flag',
    due(record) {
      const found = parseObject(record);
      return found?.['exported'] === false ? idOf(found, 'id') : null;
    },
    send: async ({ http }, id, signal) =>
      !(await isGone(http, {
        method: 'PUT',
        path: `${path}/${encodeURIComponent(id)}`,
        query: { exported: 'true', return_object: 'none' },
        signal,
      })),
  };
}
