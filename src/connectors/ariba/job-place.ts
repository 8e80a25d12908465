import { checked, invalid } from '../paging/paginator.js';
import type { Cursor, Window } from '../port.js';
import { isSlice, type Slice } from './slices.js';

/** Where a read by jobs stands: the job, and what is still to be fetched of it. */
export interface JobPlace extends Slice {
  /** The job's id; `+` where it is to be submitted. */
  readonly at: string;
  readonly to: string;
  /** What stands for the job's page; empty for the first one. */
  readonly token: string;
  /** Names of the files that are to be fetched, with commas between; empty until the job is complete. */
  readonly files: string;
  /** What stands for the page behind it; empty where there is none. */
  readonly next: string;
  /** How often its page was asked for again. */
  readonly again: number;
}

export const toSubmit = '+';
const plainName = /^\w[\w.-]{0,199}$/;
const at = /^(\+|\w[\w.-]{0,199})$/;
const token = /^[\x21-\x7e]{0,2000}$/;
const none = { at: toSubmit, files: '', next: '' } as const;

/** A name that can stand in a path as it is. */
export function isPlainName(name: unknown): name is string {
  return typeof name === 'string' && plainName.test(name);
}

/** What Ariba hands out for a page, or nothing. */
export function isToken(text: unknown): text is string {
  return typeof text === 'string' && token.test(text);
}

/** Whether a cursor is one of jobs, and not of pages. */
export function isOfJobs(cursor: unknown): boolean {
  return typeof cursor === 'object' && cursor !== null && 'again' in cursor;
}

/** The stored cursor of a read by jobs; throws ERR_CURSOR_INVALID. */
export function checkJobPlace(stream: string, cursor: unknown, window: Window): JobPlace & Cursor {
  const keys = ['start', 'end', 'token', 'files', 'next', 'again'];
  const found = checked(stream, cursor, window, at, keys);
  const { files, again } = found;
  const isListed = files === '' || (typeof files === 'string' && files.split(',').every(isPlainName));
  const isCounted = Number.isSafeInteger(again) && Number(again) >= 0;
  const isWhole = isListed && isCounted && isToken(found['token']) && isToken(found['next']);
  if (!isWhole || !isSlice(found['start'], found['end']))
    throw invalid(stream, 'the stored cursor is unreadable');
  return found as unknown as JobPlace & Cursor;
}

/** Where a slice begins to be read by jobs. */
export function firstJob({ start, end }: Slice, { to }: Window): Cursor {
  return { ...none, to, start, end, token: '', again: 0 };
}

/** The page behind. */
export function behindPage(place: JobPlace): JobPlace {
  return { ...place, ...none, token: place.next, again: 0 };
}

/** The same page once more, by a new job. */
export function onceMore(place: JobPlace): JobPlace {
  return { ...place, ...none, again: place.again + 1 };
}
