import { runCommand } from './command.js';

/** Whom a program runs as, in the form that `spawn` takes. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

/** Existing accounts without rights of their own, best first. Baton creates no account on anyone's machine. */
const candidates = ['postgres', '_postgres', 'nobody'] as const;

/** PostgreSQL refuses to run as root: for root an account to run it as, else undefined. */
export async function findRunAs(): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of candidates) {
    const [uid, gid] = await Promise.all([idOf(name, '-u'), idOf(name, '-g')]);
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  return undefined;
}

async function idOf(name: string, flag: '-u' | '-g'): Promise<number | undefined> {
  const answer = await runCommand('id', [flag, name]);
  const id = Number(answer.stdout);
  return answer.ok && Number.isInteger(id) && id !== 0 ? id : undefined;
}

/** Whether that account can enter the folder; every folder above must let it pass. */
export async function canEnter(folder: string, runAs: RunAs): Promise<boolean> {
  return (await runCommand('/bin/sh', ['-c', 'cd "$0"', folder], { ...runAs, cwd: '/' })).ok;
}
