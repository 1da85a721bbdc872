import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import type { WorkerOptions } from '../../src/index.js';
import { builtProgram } from './built-program.js';
import type { Place } from './tally.js';
import type { WorkerProcessSettings } from './worker-process.js';

export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** How many jobs it has completed. */
  readonly completed: () => number;
  /** Resolves with the exit code or signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** Starts a worker process that serves the test's place. It is ended with the test. */
export async function startWorkerProcess(
  { redis, namespace, prefix }: Place,
  point?: WorkerProcessSettings['point'],
  timing: Pick<WorkerOptions, 'lockDurationMs' | 'stalledIntervalMs'> = {},
): Promise<Child> {
  const settings: WorkerProcessSettings = { options: { redis, namespace, prefix, ...timing }, ...(point && { point }) };
  const program = await builtProgram(new URL('worker-process.ts', import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(settings)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(([code, signal]: (number | NodeJS.Signals | null)[]) => signal ?? code ?? 0);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await Promise.race([
    once(child, 'message'),
    ended.then((reason) => {
      throw new Error(`the worker process ended before it was ready: ${reason}`);
    }),
  ]);
  let completed = 0;
  child.on('message', (message) => (completed += message === 'completed' ? 1 : 0));
  return { process: child, pid: child.pid ?? 0, completed: () => completed, ended };
}
