const newline = 0x0a;

/** Memory of at least so many bytes is a page's own: Node.js cuts smaller buffers out of slabs that others share. */
const ownMemory = 131_072;

/**
 * The records of pages as texts, each record one line. A large page whose records stand one byte apart, as nearly
 * all do, becomes a text where it is: what stood between them is overwritten. All others are copied into one text.
 */
export function textsOf(pages: readonly (readonly Buffer[])[]): readonly Buffer[] {
  const full = pages.filter((records) => records.length > 0);
  const texts = full.map(joinedInPlace);
  return texts.every((text) => text !== null) ? texts : [joinLines(full.flat())];
}

function joinedInPlace(records: readonly Buffer[]): Buffer | null {
  const [first] = records;
  if (first === undefined || first.buffer.byteLength < ownMemory) return null;
  const { buffer, byteOffset } = first;
  let end = byteOffset;
  for (const record of records) {
    if (record.buffer !== buffer || record.byteOffset !== end) return null;
    end += record.length + 1;
  }
  if (end > buffer.byteLength) return null;
  for (const record of records) new Uint8Array(buffer, record.byteOffset + record.length, 1)[0] = newline;
  return Buffer.from(buffer, byteOffset, end - byteOffset);
}

/** Records as one text: each is one line. */
export function joinLines(records: readonly Buffer[]): Buffer {
  const text = Buffer.allocUnsafeSlow(records.reduce((sum, record) => sum + record.length + 1, 0));
  let at = 0;
  for (const record of records) {
    at += record.copy(text, at);
    text[at] = newline;
    at += 1;
  }
  return text;
}

/** The records of a text; they share its memory. */
export function splitLines(text: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < text.length; ) {
    const end = endOfLine(text, start);
    lines.push(text.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

/** A run of a text's lines. */
export interface Block {
  /** Number of the first line, from 1. */
  readonly first: number;
  readonly count: number;
  /** Shares the text's memory. */
  readonly text: Buffer;
}

/** Cuts texts that follow one another into blocks of at most so many lines. */
export function* blocksOf(texts: readonly Buffer[], linesEach: number): Generator<Block> {
  let first = 1;
  for (const text of texts)
    for (let start = 0; start < text.length; ) {
      let end = start;
      let count = 0;
      for (; count < linesEach && end < text.length; count += 1) end = endOfLine(text, end) + 1;
      yield { first, count, text: text.subarray(start, end) };
      first += count;
      start = end;
    }
}

/** Where the line ends: at its line break, or with the text. */
function endOfLine(text: Buffer, start: number): number {
  const end = text.indexOf(newline, start);
  return end === -1 ? text.length : end;
}
