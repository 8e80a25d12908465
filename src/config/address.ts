/** The URL, or null when the text is none. (URL.parse is newer than the oldest Node.js that we support.) */
export function parseUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
