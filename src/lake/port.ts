/**
 * The lake: immutable objects under readable keys. Adapters: local disk (`local.ts`).
 * Errors: ERR_LAKE_UNAVAILABLE when storage fails, ERR_LAKE_OBJECT_CHANGED from `getVerified`.
 */
export interface Lake {
  /** Creates the object unless the key exists: whole or not at all. `created` false = it was there already. */
  putIfAbsent(key: string, body: Uint8Array): Promise<{ readonly created: boolean }>;
  /** The object's bytes; null when there is none. */
  get(key: string): Promise<Buffer | null>;
  /** Keys under a prefix, in order. */
  list(prefix: string): AsyncIterable<string>;
  /** Removes the object; no error when there is none. */
  remove(key: string): Promise<void>;
  /** Where a person finds the object: a path or a URL. */
  locate(key: string): string;
}
