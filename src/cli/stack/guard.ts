import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Ends what we started when we die without a chance to do it ourselves (kill -9). A small shell waits on a
 * pipe that only we hold; when the pipe closes it signals every process still on its list, and kills those
 * that are left ten seconds later.
 */
export interface Guard {
  add(pid: number, signal: NodeJS.Signals): void;
  remove(pid: number): void;
  close(): void;
}

const script = `
trap '' INT TERM HUP
list=''
while read -r verb pid signal; do
  case $verb in
    add) list="$list $pid:$signal" ;;
    remove)
      rest=''
      for entry in $list; do [ "\${entry%%:*}" = "$pid" ] || rest="$rest $entry"; done
      list=$rest ;;
  esac
done
for entry in $list; do kill -"\${entry##*:}" "\${entry%%:*}" 2>/dev/null; done
turn=0
while [ $turn -lt 100 ]; do
  alive=''
  for entry in $list; do kill -0 "\${entry%%:*}" 2>/dev/null && alive=yes; done
  [ -n "$alive" ] || exit 0
  sleep 0.1
  turn=$((turn + 1))
done
for entry in $list; do kill -KILL -"\${entry%%:*}" 2>/dev/null || kill -KILL "\${entry%%:*}" 2>/dev/null; done
`;

export function startGuard(): Guard {
  const child = spawn('/bin/sh', ['-c', script, 'baton-guard'], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  (child.stdin as Socket).unref();
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  return {
    add: (pid, signal) => child.stdin.write(`add ${pid} ${signal.slice(3)}\n`),
    remove: (pid) => child.stdin.write(`remove ${pid}\n`),
    close: () => child.stdin.end(),
  };
}
