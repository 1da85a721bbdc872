import { spawnSync } from 'node:child_process';

/** Whether a program such as `valkey-server` runs on this machine. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}
