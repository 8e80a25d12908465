/**
 * The lake: immutable objects under readable keys. Adapters: a folder (`local.ts`), a bucket (`s3.ts`); both pass
 * one contract suite. Errors: ERR_LAKE_UNAVAILABLE when storage fails (try again), ERR_LAKE_FORBIDDEN when it will
 * not have us.
 */
export interface Lake {
  /** Creates the object unless the key exists: whole or not at all. `created` false = it was there already. */
  putIfAbsent(key: string, body: Uint8Array): Promise<{ readonly created: boolean }>;
  /** The same of a file of this machine, which may be larger than memory. False when the key holds other bytes. */
  putFile(key: string, file: string): Promise<boolean>;
  /** The object's bytes; null when there is none. */
  get(key: string): Promise<Buffer | null>;
  /** The bytes of one version of an object, piece by piece; null when that version is there no more. */
  read(entry: Pick<LakeEntry, 'key' | 'version'>): Promise<AsyncIterable<Uint8Array> | null>;
  /** What is below a folder (`raw/coupa/`, or all: `''`), in the order of the keys' bytes. */
  scan(folder: string): AsyncIterable<LakeEntry>;
  /** The keys of it. */
  list(folder: string): AsyncIterable<string>;
  /** Removes the object; no error when there is none. */
  remove(key: string): Promise<void>;
  /** Where a person finds the object: a path or a URL. */
  locate(key: string): string;
  /** Whether a listing may show an object that somebody else is still writing. */
  readonly showsUnfinished: boolean;
  /** Frees its connections. */
  close(): void;
}

/** An object as a listing shows it. */
export interface LakeEntry {
  readonly key: string;
  readonly bytes: number;
  /** Another one whenever the object has been written anew. */
  readonly version: string;
  readonly modifiedAt: Date;
}
