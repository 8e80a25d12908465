export type FileFormat = 'json' | 'ndjson' | 'csv';

/** What a file holds, by its name: `.ndjson` and `.jsonl` lines, `.csv` a table, anything else JSON; `.gz` behind it. */
export function formatOf(name: string, configured: FileFormat | 'auto'): FileFormat {
  if (configured !== 'auto') return configured;
  const [, extension = ''] = /\.([a-z]+)(?:\.gz)?$/i.exec(name) ?? [];
  switch (extension.toLowerCase()) {
    case 'ndjson':
    case 'jsonl':
      return 'ndjson';
    case 'csv':
      return 'csv';
    default:
      return 'json';
  }
}

export function isCompressed(name: string): boolean {
  return /\.gz$/i.test(name);
}
