import type { OtlpSignal } from '../../config/index.js';

/** As an exporter sends them. */
export function revealed(headers: OtlpSignal['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, secret]) => [name, secret.reveal()]));
}
