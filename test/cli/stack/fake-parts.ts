import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Stands for our own processes: keeps the contract of the stack and does nothing else. */
const program = `
import { appendFileSync } from 'node:fs';
import http from 'node:http';
const part = process.argv[1].split('/').at(-2) + (process.argv[3] ?? '');
const port = { sandbox: process.env.BATON_SANDBOX_PORT, gateway: process.env.BATON_GATEWAY__PORT }[part];
const server = http.createServer((_, answer) => answer.end(part));
const note = (what) => appendFileSync(process.env.BATON_HOME + '/fake.log', part + ' ' + what + '\\n');
process.on('SIGTERM', () => { note('stopped'); process.exit(0); });
if (process.env.FAKE_FAILS === part) { console.error('no such luck'); process.exit(3); }
if (port) server.listen(Number(port), '127.0.0.1', () => console.log(JSON.stringify({ ready: true, port: Number(port) })));
else { setInterval(() => {}, 1000); console.log(JSON.stringify({ ready: true })); }
note('started');
`;

/** Writes the fake programs and answers the folder that stands for `dist`. */
export function writeFakeParts(folder: string): string {
  writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  for (const part of ['sandbox', 'workers', 'gateway']) {
    mkdirSync(path.join(folder, part), { recursive: true });
    writeFileSync(path.join(folder, part, 'main.js'), program);
  }
  return folder;
}
