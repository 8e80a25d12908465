import { BatonError } from '../protocol/errors.js';
import type { LookOutcome } from './port.js';

/** What the connectors of ticket desks share. */

/** A look that fails for whatever reason, or finds no list, says nothing about what is there. */
export async function looked(look: () => Promise<LookOutcome | null>): Promise<LookOutcome> {
  try {
    return (await look()) ?? { kind: 'cannot_look', reason: 'the answer is not the documented list' };
  } catch (error) {
    return {
      kind: 'cannot_look',
      reason: error instanceof BatonError ? error.message : 'it was cancelled or could not be read',
    };
  }
}

/** The id of a ticket, or of whatever else has a whole number for one; null for what has none. */
export function idOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('id' in value)) return null;
  return Number.isSafeInteger(value.id) ? String(value.id) : null;
}

/** What a ticket says now, for who must know; null where it cannot be told: what is to be written matters more. */
export async function unlessUntold<T>(signal: AbortSignal, read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BatonError) return null;
    throw error;
  }
}
