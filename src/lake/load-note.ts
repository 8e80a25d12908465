import type { Lake } from './port.js';

/**
 * Written beside a batch's manifest once it is merged: that, when, and what it came to. With it the lake alone
 * tells what the warehouse held and in which order it came there. The first note stands.
 */
export interface LoadNote {
  /** By the warehouse's clock, taken while the load held the table: orders the loads of a table. */
  readonly loadedAt: string;
  readonly counts: Readonly<Record<string, number>>;
  /** The stream's watermark after it; null = there was none. */
  readonly watermark: string | null;
}

export async function writeLoadNote(lake: Lake, manifestKey: string, note: LoadNote): Promise<void> {
  await lake.putIfAbsent(keyBeside(manifestKey), Buffer.from(`${JSON.stringify(note, null, 1)}\n`));
}

/** Null where the batch was not merged, or by a build that wrote no notes. */
export async function readLoadNote(lake: Lake, manifestKey: string): Promise<LoadNote | null> {
  const body = await lake.get(keyBeside(manifestKey));
  return body === null ? null : (JSON.parse(body.toString('utf8')) as LoadNote);
}

export function keyBeside(manifestKey: string): string {
  return manifestKey.replace(/_manifest([^/]*)$/, '_loaded$1');
}
