import { BatonError } from '../protocol/errors.js';

/** A longer one is no record of anybody's. */
const longestValue = 16_777_216;
const deepest = 1_000;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openArray = 0x5b;
const closeArray = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;
const newline = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;

type Where =
  /** Between values that follow one another: the file's own level. */
  | 'outside'
  /** Behind the bracket of a list. */
  | 'first'
  /** Behind a value of a list. */
  | 'behind'
  /** Behind a comma of a list. */
  | 'next'
  | 'value';

/**
 * Cuts JSON into its records, piece by piece and in flat memory: the elements of a list, or values that follow one
 * another. A record is its own bytes, with line breaks between tokens as spaces; whether it is JSON itself is its
 * reader's to say. Throws ERR_FILE_UNREADABLE, with the place, for what cannot be cut.
 */
export function createJsonValues(where: string) {
  let at: Where = 'outside';
  let isListed = false;
  let isBare = false;
  let isText = false;
  let isEscaped = false;
  /** The brackets that are to come, innermost last. */
  let open: number[] = [];
  let held: Buffer[] = [];
  let heldBytes = 0;
  let position = 0;
  let records = 0;
  let isEmpty = true;

  function fail(what: string, offset: number): never {
    throw new BatonError('ERR_FILE_UNREADABLE', {
      detail: `${where} ${what}, at byte ${position + offset + 1}, behind ${records} ${records === 1 ? 'record' : 'records'}.`,
    });
  }

  function push(piece: Buffer): Buffer[] {
    const found: Buffer[] = [];
    let start = at === 'value' ? 0 : -1;
    const end = (to: number) => {
      const last = piece.subarray(start, to);
      found.push(held.length === 0 ? last : Buffer.concat([...held, last]));
      held = [];
      heldBytes = 0;
      start = -1;
      records += 1;
      isBare = false;
      at = isListed ? 'behind' : 'outside';
    };
    const begin = (offset: number, byte: number) => {
      start = offset;
      at = 'value';
      isText = byte === quote;
      isBare = false;
      open = [];
      if (byte === openObject) open.push(closeObject);
      else if (byte === openArray) open.push(closeArray);
      else if (!isText) isBare = true;
    };

    for (let offset = 0; offset < piece.length; offset += 1) {
      const byte = piece[offset] as number;
      if (at === 'value') {
        if (isText) {
          if (isEscaped) isEscaped = false;
          else if (byte === backslash) isEscaped = true;
          else if (byte === quote) {
            isText = false;
            if (open.length === 0) end(offset + 1);
          } else if (byte < space) fail('has a line break or another control character in a text', offset);
          continue;
        }
        if (isBare) {
          if (byte > space && byte !== comma && byte !== closeArray) continue;
          end(offset);
          // What ended it is looked at as what stands between values.
        } else {
          if (byte === quote) isText = true;
          else if (byte === openObject || byte === openArray) {
            open.push(byte === openObject ? closeObject : closeArray);
            if (open.length > deepest) fail('is nested too deeply', offset);
          } else if (byte === closeObject || byte === closeArray) {
            if (open.pop() !== byte) fail('is not JSON: its brackets do not match', offset);
            if (open.length === 0) end(offset + 1);
          } else if (byte === newline || byte === carriageReturn) piece[offset] = space;
          continue;
        }
      }
      if (byte === space || byte === newline || byte === carriageReturn || byte === 0x09) continue;
      isEmpty = false;
      if (at === 'outside') {
        if (byte === openArray) {
          at = 'first';
          isListed = true;
        } else if (byte === openObject) begin(offset, byte);
        else fail(`is not JSON: there is ${shown(byte)} where a list or an object begins`, offset);
      } else if (at === 'behind') {
        if (byte === comma) at = 'next';
        else if (byte === closeArray) {
          at = 'outside';
          isListed = false;
        } else
          fail(`is not JSON: there is ${shown(byte)} where a comma or the end of the list is due`, offset);
      } else if (byte === closeArray && at === 'first') {
        at = 'outside';
        isListed = false;
      } else if (byte === comma || byte === closeArray || byte === closeObject)
        fail(`is not JSON: there is ${shown(byte)} where a record is due`, offset);
      else begin(offset, byte);
    }
    if (start !== -1) {
      // The piece's memory may be used again by whoever gave it.
      held.push(Buffer.from(piece.subarray(start)));
      heldBytes += piece.length - start;
      if (heldBytes > longestValue) fail('has a record of more than 16 MiB', piece.length - 1);
    }
    position += piece.length;
    return found;
  }

  return {
    push,
    /** To be called when all was pushed. */
    end(): void {
      if (isEmpty) fail('is empty', -1);
      if (at !== 'outside') fail('is cut off', -1);
    },
  };
}

function shown(byte: number): string {
  return byte > space && byte < 0x7f ? `a ${String.fromCharCode(byte)}` : `the byte 0x${byte.toString(16)}`;
}
