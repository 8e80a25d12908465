import { createHash } from 'node:crypto';

/** Of bytes that may be more than fit into memory: their sha256, hex. */
export async function digestOf(bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of bytes) hash.update(piece);
  return hash.digest('hex');
}
