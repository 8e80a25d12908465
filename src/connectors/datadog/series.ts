import type { HttpAnswer, HttpRequest, VendorHttp } from '../http.js';
import type { Measured, SeriesSink } from '../port.js';
import { parseObject } from '../read-page.js';

/** A request may have 512,000 bytes: of JSON before its compression, so that it keeps the limit either way. */
const mostBytes = 450_000;

/** Datadog's number for the type of a metric whose last value counts. */
const gauge = 3;

/**
 * Series as gauges: a point that comes again for the same second replaces the one before, where a count would be added
 * to it. https://docs.datadoghq.com/api/latest/metrics/#submit-metrics
 */
export function seriesSink(http: VendorHttp): SeriesSink {
  return {
    async push(measured, at, signal) {
      const timestamp = Math.floor(at.getTime() / 1_000);
      for (const series of portions(
        measured.filter(({ value }) => Number.isFinite(value)),
        timestamp,
      )) {
        const request = {
          method: 'POST',
          path: '/api/v2/series',
          json: { series },
          gzip: true,
          signal,
        } as const;
        refuseErrors(http, request, await http.read(request));
      }
    },
  };
}

/** Accepted, and yet not all of it taken. */
function refuseErrors(http: VendorHttp, request: HttpRequest, answer: HttpAnswer): void {
  const errors = parseObject(answer.body)?.['errors'];
  if (Array.isArray(errors) && errors.length > 0)
    throw http.badResponse(request, answer, `answered ${answer.status} and did not take all`);
}

function portions(measured: readonly Measured[], timestamp: number): object[][] {
  const all: object[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const { name, labels, value } of measured) {
    const tags = Object.entries(labels).map(([label, text]) => `${label}:${text}`);
    const one = { metric: name, type: gauge, points: [{ timestamp, value }], tags };
    const length = Buffer.byteLength(JSON.stringify(one)) + 1;
    if (bytes + length > mostBytes) {
      all.push([]);
      bytes = 20;
    }
    all.at(-1)?.push(one);
    bytes += length;
  }
  return all;
}
