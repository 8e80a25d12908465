/**
 * A text in Markdown, so that it can link or format nothing by itself: what Markdown would take for its own stands as it
 * is, and a line break is a paragraph. Cut, with a mark, where it would be longer than `maxChars`.
 */
export function escaped(text: string, maxChars: number): string {
  let result = '';
  for (const character of text) {
    const safe =
      character === '\n' ? '\n\n' : /[*_[\]()#`~>|\\]/.test(character) ? `\\${character}` : character;
    if (result.length + safe.length > maxChars - 1) return `${result}…`;
    result += safe;
  }
  return result;
}
