import { isObject } from '../wire.js';

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function singular(name: string): string {
  if (name.endsWith('addresses')) return name.slice(0, -2);
  return name.endsWith('s') ? name.slice(0, -1) : name;
}

function element(name: string, value: unknown): string {
  if (value === null) return `<${name} nil="true"/>`;
  if (Array.isArray(value)) {
    return `<${name} type="array">${value.map((one: unknown) => element(singular(name), one)).join('')}</${name}>`;
  }
  if (!isObject(value)) return `<${name}>${escapeXml(String(value))}</${name}>`;
  const known = Object.entries(value).filter(([, nested]) => nested !== undefined);
  const inner = known.map(([key, nested]) => element(key, nested));
  return `<${name}>${inner.join('')}</${name}>`;
}

/** Coupa's older face: the same records as XML. `root` is the plural resource name in dashes. */
export function xmlList(root: string, records: readonly unknown[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(root, records)}`;
}

export function xmlRecord(root: string, record: unknown): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(singular(root), record)}`;
}

export function xmlErrors(messages: readonly string[]): string {
  const errors = messages.map((message) => `<error>${escapeXml(message)}</error>`).join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<errors>${errors}</errors>`;
}
