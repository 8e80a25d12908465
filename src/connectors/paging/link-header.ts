/** One link of the header: its target between angle brackets, and its parameters up to the next link. */
const link = /<([^<>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))?)*)/g;
const relation = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i;

/** The target of the first link of this relation in a Link header (RFC 8288 §3); null when there is none. */
export function linkTarget(header: string | undefined, wanted: string): string | null {
  for (const [, target = '', parameters = ''] of (header ?? '').slice(0, 16_384).matchAll(link)) {
    const found = relation.exec(parameters);
    const names = (found?.[1] ?? found?.[2] ?? '').toLowerCase().split(/\s+/);
    if (names.includes(wanted)) return target.trim();
  }
  return null;
}
