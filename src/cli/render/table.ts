import { stripVTControlCharacters } from 'node:util';
import type { ListResult } from './result.js';
import { type Style, truncate, truncateMiddle } from './style.js';

const gap = '  ';

/** A table that fits the terminal: the widest columns are shortened first, ids in their middle. */
export function renderTable<T>(result: ListResult<T>, style: Style, terminalColumns: number): string {
  const { items, columns } = result;
  if (items.length === 0) return '';
  const titles = columns.map((column) => column.title.toUpperCase());
  const cells = items.map((item) => columns.map((column) => (column.show ?? column.value)(item, style)));
  const widths = titles.map((title, index) =>
    Math.max(title.length, ...cells.map((row) => width(row[index] ?? ''))),
  );
  narrow(widths, terminalColumns - gap.length * (columns.length - 1));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) =>
        pad(shorten(cell, widths[index] ?? 0, columns[index]?.id ?? false), widths[index] ?? 0),
      )
      .join(gap)
      .trimEnd();
  return `${[style.dim(line(titles)), ...cells.map(line)].join('\n')}\n`;
}

/** Takes from the widest columns until all fit, but leaves each at least eight characters. */
function narrow(widths: number[], available: number): void {
  let over = widths.reduce((sum, each) => sum + each, 0) - available;
  while (over > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    const current = widths[widest] ?? 0;
    if (current <= 8) return;
    widths[widest] = current - 1;
    over -= 1;
  }
}

function width(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

function shorten(cell: string, most: number, isId: boolean): string {
  if (width(cell) <= most) return cell;
  const plain = stripVTControlCharacters(cell);
  return isId ? truncateMiddle(plain, most) : truncate(plain, most);
}

function pad(cell: string, to: number): string {
  return cell + ' '.repeat(Math.max(0, to - width(cell)));
}
