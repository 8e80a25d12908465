import type { HttpRequest, VendorHttp } from './http.js';

/** The vendor's clock, to the second, from the Date header of a cheap call. */
export async function vendorClock(http: VendorHttp, request: HttpRequest): Promise<Date> {
  const answer = await http.read(request);
  const at = Date.parse(answer.headers['date'] ?? '');
  if (Number.isNaN(at)) throw http.badResponse(request, answer, 'answered without a Date header');
  return new Date(at);
}
