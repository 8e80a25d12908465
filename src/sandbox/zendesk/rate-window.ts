/** Requests counted per minute of the wall clock, as the vendor's account limit is. */
export class RateWindow {
  #minute = -1;
  #used = 0;

  /** Counts one, or what the request is worth; answers what is left (negative = over the limit) and the seconds to the next minute. */
  count(
    limit: number,
    nowMs: number,
    credits = 1,
  ): { readonly remaining: number; readonly resetSeconds: number } {
    const minute = Math.floor(nowMs / 60_000);
    if (minute !== this.#minute) this.#used = 0;
    this.#minute = minute;
    this.#used += credits;
    return { remaining: limit - this.#used, resetSeconds: Math.ceil((60_000 - (nowMs % 60_000)) / 1000) };
  }
}
