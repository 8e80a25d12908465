// `npm run docs`: writes the reference pages that are generated from the program itself.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
await build({ log: (line) => console.error(line) });
const { referencePages } = await import('../dist/cli/reference/index.js');
for (const [file, text] of Object.entries(referencePages())) {
  await mkdir(path.dirname(path.join(root, file)), { recursive: true });
  await writeFile(path.join(root, file), text);
  console.error(`wrote ${file}`);
}
