import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { TALLY } from './tally-command.js';

/** What commands remember that are told no folder, and have a Redis of their own. */
const DATA_DIR = join(tmpdir(), 'tally-tests');

/** How a command ended. */
interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `tally` with these arguments. */
export function start(args: readonly string[], environment: Record<string, string>) {
  const [program, ...first] = TALLY;
  const child = spawn(program, [...first, ...args], {
    env: { PATH: process.env['PATH'], TALLY_DATA_DIR: DATA_DIR, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = once(child, 'close').then(([code]): Answer => ({ code: code as number | null, ...output }));
  return { child, output, ended };
}

/** Runs `tally` to its end. */
export function tally(environment: Record<string, string>, ...args: string[]): Promise<Answer> {
  return start(args, environment).ended;
}

/** Starts `tally up` in a folder of its own and waits until it says that it is up. */
export async function startUp(environment: Record<string, string>) {
  const up = start(['up'], { PORT: '0', ...environment });
  onTestFinished(async () => {
    up.child.kill('SIGTERM');
    await up.ended;
  });
  const ready = new Promise<void>((resolve) => {
    up.child.stdout.on('data', () => {
      if (up.output.stdout.includes('Tally is up')) {
        resolve();
      }
    });
  });
  await Promise.race([
    ready,
    up.ended.then(({ stdout, stderr }) => {
      throw new Error(`tally up ended: ${stderr}${stdout}`);
    }),
  ]);
  return up;
}

/** A folder for a private Redis, removed at the end of the test. */
export function dataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tally-cli-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
