const newline = 0x0a;

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

/** Cuts a text into blocks of so many lines. */
export function* blocksOf(text: Buffer, linesEach: number): Generator<Block> {
  let first = 1;
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
