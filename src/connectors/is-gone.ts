import type { HttpRequest, VendorHttp } from './http.js';

/** Whether the vendor answers "not found" to a request for one record. Any other refusal is thrown. */
export async function isGone(http: VendorHttp, request: HttpRequest): Promise<boolean> {
  const delivery = await http.send(request);
  if (delivery.kind !== 'answered') throw delivery.error;
  const { status } = delivery.answer;
  if (status === 404) return true;
  if (status >= 300) throw http.failure(request, delivery.answer);
  return false;
}
