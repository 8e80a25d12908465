import { spawn } from 'node:child_process';
import { cpSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { columns } from '../columns.js';
import type { Bench } from '../main.js';

/** What only some installations need, by what they need it for. */
const groups: Readonly<Record<string, readonly string[]>> = {
  'lake on S3': ['@aws-sdk/client-s3', '@aws-sdk/lib-storage'],
  'notices of SQS': ['@aws-sdk/client-sqs'],
  'secrets of AWS': ['@aws-sdk/credential-provider-node', '@smithy/signature-v4'],
  'secrets of Google Cloud': ['google-auth-library'],
  telemetry: [
    '@opentelemetry/api',
    '@opentelemetry/exporter-metrics-otlp-proto',
    '@opentelemetry/exporter-trace-otlp-proto',
    '@opentelemetry/resources',
    '@opentelemetry/sdk-metrics',
    '@opentelemetry/sdk-trace-node',
    '@temporalio/interceptors-opentelemetry',
  ],
};
const shown = 8;

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

export const installSize: Bench = {
  name: 'install-size',
  summary: 'What an installation takes up, without and with each of the optional packages.',
  usage: '',
  async run() {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
    const forgotten = Object.keys(manifest.peerDependencies).filter(
      (name) => !Object.values(groups).flat().includes(name),
    );
    if (forgotten.length > 0) throw new Error(`${forgotten.join(', ')}: optional packages of no group`);
    const plain = await install(manifest, []);
    const rows: string[][] = [['installation', 'MB', 'packages']];
    rows.push(['without optional packages', mb(plain.bytes), String(plain.packages)]);
    const more: Record<string, number> = {};
    for (const [name, packages] of Object.entries(groups)) {
      const { bytes, packages: count } = await install(manifest, packages);
      more[name] = bytes - plain.bytes;
      rows.push([`+ ${name}`, mb(bytes - plain.bytes), String(count - plain.packages)]);
    }
    process.stderr.write(columns(rows, 1));
    const largest = Object.entries(plain.byPackage)
      .sort(([, a], [, b]) => b - a)
      .slice(0, shown);
    process.stderr.write(
      `\n${columns([['largest', 'MB'], ...largest.map(([name, size]) => [name, mb(size)])], 1)}`,
    );
    const report = { bench: 'install-size', bytes: plain.bytes, packages: plain.packages, more };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  },
};

interface Installed {
  readonly bytes: number;
  readonly packages: number;
  readonly byPackage: Readonly<Record<string, number>>;
}

/** Installs what `npm ci --omit=dev` would, and these of the optional packages besides, in a folder of its own. */
async function install(manifest: Manifest, optional: readonly string[]): Promise<Installed> {
  const folder = mkdtempSync(path.join(tmpdir(), 'baton-install-'));
  const { devDependencies, peerDependencies: _, ...rest } = manifest;
  const wanted = Object.fromEntries(optional.map((name) => [name, devDependencies[name]]));
  const own = { ...rest, dependencies: { ...manifest.dependencies, ...wanted } };
  try {
    cpSync('package-lock.json', path.join(folder, 'package-lock.json'));
    writeFileSync(path.join(folder, 'package.json'), JSON.stringify(own));
    await npm(folder, ['install', '--prefer-offline']);
    return measured(path.join(folder, 'node_modules'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function npm(cwd: string, args: readonly string[]): Promise<void> {
  const child = spawn('npm', [...args, '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (text) => {
    said += String(text);
  });
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) throw new Error(`npm ${args.join(' ')} failed: ${said.trim().slice(-500)}`);
}

function measured(modules: string): Installed {
  const byPackage: Record<string, number> = {};
  for (const name of packagesIn(modules)) byPackage[name] = bytesOf(path.join(modules, name));
  const bytes = Object.values(byPackage).reduce((sum, size) => sum + size, 0);
  return { bytes, packages: Object.keys(byPackage).length, byPackage };
}

function packagesIn(modules: string): string[] {
  return readdirSync(modules)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@') ? readdirSync(path.join(modules, name)).map((one) => `${name}/${one}`) : [name],
    );
}

/** Of the files, not of the blocks that a disk gives them. */
function bytesOf(entry: string): number {
  const found = lstatSync(entry);
  if (!found.isDirectory()) return found.size;
  return readdirSync(entry).reduce((sum, name) => sum + bytesOf(path.join(entry, name)), 0);
}

function mb(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
