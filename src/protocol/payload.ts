import { BatonError } from './errors.js';

/**
 * Bytes of JSON that one argument or result may have. Histories hold references and counts: what is bigger is data
 * that has lost its way. Temporal itself refuses 2 MB, and what it refuses of a workflow is asked again for ever.
 */
export const payloadLimit = 65_536;

/** Throws ERR_PAYLOAD_TOO_LARGE, which names what it is of and how large; answers the value. */
export function withinLimit<T>(value: T, what: string): T {
  const bytes = bytesOf(value);
  if (bytes <= payloadLimit) return value;
  throw new BatonError('ERR_PAYLOAD_TOO_LARGE', {
    detail: `${what} has ${bytes} bytes; at most ${payloadLimit} may go through a workflow.`,
  });
}

/** Of its JSON in UTF-8. Without TextEncoder or Buffer, which workflows have not. */
export function bytesOf(value: unknown): number {
  const text = JSON.stringify(value) ?? '';
  let bytes = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    // Each half of a pair counts two of its four bytes.
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 2 : 3;
  }
  return bytes;
}
