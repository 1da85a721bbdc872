import { spawnSync } from 'node:child_process';
import { fstatSync, readFileSync, statSync } from 'node:fs';

const LOOK_EVERY_MS = 500;

const SHELLS = /^-?(sh|dash|bash|ash|zsh|ksh|busybox)$/;

interface ProcessFacts {
  readonly parent: number;
  readonly group: number;
  /** Of its program, or what it calls itself. */
  readonly name: string;
}

/**
 * Calls `onGone` once when a process is gone that waited for this one: npm, or the shell of a script. Such a process may be
 * killed without a word to those that it started, which would run on with nobody who knows of them. Others don't count: an
 * interactive shell gives each of its jobs a process group of its own, and tells them of its end by SIGHUP, or not, as its user
 * wishes; a script that puts something into the background gives it `/dev/null` as its input.
 *
 * @returns what ends the watch
 */
export function watchParents(onGone: () => void): () => void {
  const [parent, ...further] = waitingParents();
  if (parent === undefined) {
    return () => undefined;
  }
  const timer = setInterval(() => {
    if (process.ppid !== parent || !further.every(isThere)) {
      clearInterval(timer);
      onGone();
    }
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
  };
}

/** The parent, and if that is a shell which npm started, npm as well: whoever of them goes, nobody waits any more. */
function waitingParents(): number[] {
  const parent = process.ppid;
  const [own, above] = [factsOf(process.pid), factsOf(parent)];
  if (above === undefined || own?.group !== above.group || parent === 1) {
    return [];
  }
  if (process.env['npm_lifecycle_event'] !== undefined) {
    return SHELLS.test(above.name) && above.parent > 1 ? [parent, above.parent] : [parent];
  }
  return isInBackground() ? [] : [parent];
}

function isInBackground(): boolean {
  try {
    return fstatSync(0).rdev === statSync('/dev/null').rdev;
  } catch {
    return true; // it has no input
  }
}

/** @returns undefined where that can't be told */
function factsOf(pid: number): ProcessFacts | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8'); // 1234 (name) S parent group ...
    const [, name = '', parent, group] = /\((.*)\) \S+ (\d+) (\d+)/s.exec(text) ?? [];
    return { parent: Number(parent), group: Number(group), name };
  } catch {
    const { stdout } = spawnSync('ps', ['-o', 'ppid=,pgid=,comm=', '-p', String(pid)], { encoding: 'utf8' });
    const [, parent, group, name = ''] = /^\s*(\d+)\s+(\d+)\s+(?:.*\/)?(.*?)\s*$/.exec(stdout) ?? [];
    return parent === undefined ? undefined : { parent: Number(parent), group: Number(group), name };
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
