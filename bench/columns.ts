/** The first few columns are words, to the left; the others are numbers, to the right. */
export function columns(rows: readonly (readonly string[])[], words: number): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  const lines = rows.map((row) =>
    widths.map((width, at) => (at < words ? (row[at] ?? '').padEnd(width) : (row[at] ?? '').padStart(width))),
  );
  return `${lines.map((cells) => cells.join('  ').trimEnd()).join('\n')}\n`;
}
