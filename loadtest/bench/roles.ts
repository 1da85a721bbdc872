import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What a process of the benchmark does. Producers and workers each have one of their own, as in production. */
export type Role =
  | {
      readonly role:
        'plain-producer' | 'plain-worker' | 'bee-producer' | 'bee-worker' | 'evalsha-caller' | 'tally-worker';
    }
  | { readonly role: 'tally-producer'; readonly maxBatch: number; readonly keyedShare: number };

export type RoleTask = Role & { readonly redisUrl: string; readonly updates: number; readonly keys: number };

const ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? 'role-process.ts' : 'role-process.js', import.meta.url),
);

/** A process of the benchmark, ready to go. */
export interface RoleProcess {
  /** Starts the work, if it is one that has a start. */
  go(): void;
  /** Resolves when it has done its share of all updates. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

export async function startRole(task: RoleTask): Promise<RoleProcess> {
  const child = fork(ENTRY, [JSON.stringify(task)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await message(child, 'ready');
  return {
    go: () => child.send('go'),
    done: message(child, 'done'),
    stop: async () => {
      const ended = once(child, 'exit');
      child.send('stop');
      await ended;
    },
  };
}

async function message(child: ChildProcess, expected: string): Promise<void> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`a process of the benchmark ended early (${String(code)})`);
  });
  const arrived = new Promise<void>((resolve) => {
    child.on('message', (text) => {
      if (text === expected) {
        resolve();
      }
    });
  });
  await Promise.race([arrived, ended]).finally(() => {
    ended.catch(() => undefined);
  });
}

/** Runs a producer and a worker in processes of their own and returns the seconds from start to last completion. */
export async function timeProducerAndWorker(producerTask: RoleTask, workerTask: RoleTask): Promise<number> {
  const worker = await startRole(workerTask);
  const producer = await startRole(producerTask);
  const startedAt = performance.now();
  producer.go();
  await Promise.all([producer.done, worker.done]);
  const seconds = (performance.now() - startedAt) / 1000;
  await Promise.all([producer.stop(), worker.stop()]);
  return seconds;
}
