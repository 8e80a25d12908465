// What a fresh clone lacks: dependencies from the lockfile and built programs. Plain Node, no dependencies.
// When nothing has changed it costs some ten milliseconds, because every command passes through here.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const lockfile = path.join(root, 'package-lock.json');
const installedList = path.join(root, 'node_modules', '.package-lock.json');
const checkedNote = path.join(root, 'node_modules', '.baton-checked');

/** A failure that one sentence explains; nobody needs its stack. */
export class PrepareError extends Error {
  constructor(sentence, exitCode = 1) {
    super(sentence);
    this.sentence = sentence;
    this.exitCode = exitCode;
  }
}

/** Installs and builds as needed. Says what it does on stderr, and nothing when there is nothing to do. */
export async function prepare({ development = false } = {}) {
  requireNode();
  if (!dependenciesAreCurrent(development)) await install();
  const { isCurrent, build } = await import('./build.mjs');
  if (isCurrent()) return;
  try {
    await build({ log: say });
  } catch (error) {
    throw asPrepareError(error);
  }
}

export function say(line) {
  process.stderr.write(`${line}\n`);
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new PrepareError(
    `Baton needs Node.js 20.19 or newer and this is ${process.versions.node}; install a newer one and run the command again.  BTN-7001`,
    2,
  );
}

/** Whether node_modules holds what the lockfile says. Compares contents only when the lockfile was touched. */
function dependenciesAreCurrent(development) {
  if (!existsSync(installedList)) return false;
  const want = `${statSync(lockfile).mtimeMs} ${statSync(installedList).mtimeMs} ${development}`;
  if (existsSync(checkedNote) && readFileSync(checkedNote, 'utf8') === want) return true;
  if (!holdsTheSame(development)) return false;
  remember(want);
  return true;
}

function holdsTheSame(development) {
  const wanted = JSON.parse(readFileSync(lockfile, 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedList, 'utf8')).packages;
  return Object.entries(wanted).every(([name, entry]) => {
    if (name === '') return true;
    const there = installed[name];
    if (there !== undefined) return there.version === entry.version;
    return entry.optional || entry.devOptional || entry.peer || (entry.dev && !development);
  });
}

function remember(text) {
  try {
    writeFileSync(checkedNote, text);
  } catch {
    // a read-only node_modules is checked again next time
  }
}

async function install() {
  say('installing dependencies (once; about a minute)');
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath?.endsWith('npm-cli.js')
    ? [process.execPath, process.env.npm_execpath]
    : ['npm'];
  const { code, output } = await run(npm[0], [...npm.slice(1), ...args]);
  if (code === 0) return;
  throw new PrepareError(explainInstall(output));
}

function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.once('error', (error) => resolve({ code: 1, output: `spawn ${error.code}` }));
    child.once('close', (code) => resolve({ code, output }));
  });
}

const installReasons = [
  [/spawn ENOENT/, 'npm is not installed; install it with Node.js and run the command again'],
  [
    /ENOSPC|no space left/i,
    'the disk is full; free some space (about 700 MB) and run the command again  BTN-7005',
  ],
  [/EROFS/, `${root} is read-only; move the project to a folder that you may write  BTN-7005`],
  [
    /EACCES|EPERM/,
    `${root} may not be written by this user; move the project to a folder that you may write  BTN-7005`,
  ],
  [/EBADENGINE/, 'a dependency refuses this version of Node.js; use Node.js 20.19, 22 or 24  BTN-7001'],
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network/i,
    'the npm registry cannot be reached; connect to the internet (or set npm’s registry or proxy) and run the command again',
  ],
];

function explainInstall(output) {
  const known = installReasons.find(([pattern]) => pattern.test(output));
  const lines = output.split('\n').map((line) => line.trim());
  const words = lines.find((line) => /^npm error (?!code|errno|syscall)/.test(line)) ?? lines.find(Boolean);
  return `The dependencies could not be installed: ${known?.[1] ?? words ?? 'npm gave no reason'}.`;
}

function asPrepareError(error) {
  const reasons = { ENOSPC: 'the disk is full', EROFS: 'it is read-only', EACCES: 'permission is denied' };
  const reason = reasons[error.code];
  if (reason === undefined) return error;
  return new PrepareError(
    `The programs could not be built in ${path.join(root, 'dist')}: ${reason}.  BTN-7005`,
  );
}
