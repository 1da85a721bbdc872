import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { SpreadRole } from './cluster-roles.js';

/** What a process of the benchmark does. Producers and workers each have one of their own, as in production. */
export type Role =
  | {
      readonly role:
        'plain-producer' | 'plain-worker' | 'bee-producer' | 'bee-worker' | 'evalsha-caller' | 'tally-worker';
    }
  | { readonly role: 'plain-http-server' }
  | {
      readonly role: 'http-load';
      /** Of the server. */
      readonly origin: string;
      readonly perRequest: number;
      readonly connections: number;
      /** How long a request waits for its outcome. */
      readonly waitMs: number | undefined;
    }
  | { readonly role: 'tally-producer'; readonly maxBatch: number; readonly keyedShare: number }
  | { readonly role: 'plain-latency' | 'tally-latency'; readonly perSecond: number }
  | {
      readonly role: 'tally-backlog';
      /** Updates that wait all the time. */
      readonly waiting: number;
      readonly maxBatch: number;
      /** Jobs under way at a time, beside those that wait. */
      readonly concurrency: number;
    }
  | SpreadRole;

export type RoleTask = Role & { readonly redisUrl: string; readonly updates: number; readonly keys: number };

/** What a process says to the benchmark. */
export type RoleMessage = { readonly ready: true } | { readonly done: unknown };

const ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? 'role-process.ts' : 'role-process.js', import.meta.url),
);

/**
 * Three processes share two cores: where each also collects its garbage on helper threads, they take the cores from
 * one another. All sides get these flags.
 */
export const NODE_FLAGS = ['--single-threaded-gc', '--max-semi-space-size=32'];

/** A process of the benchmark, ready to go. */
export interface RoleProcess {
  /** Starts the work, if it is one that has a start. */
  go(): void;
  /** Resolves when it has done its share of all updates, with what it found. */
  readonly done: Promise<unknown>;
  stop(): Promise<void>;
}

export async function startRole(task: RoleTask): Promise<RoleProcess> {
  const child = fork(ENTRY, [JSON.stringify(task)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [...process.execArgv, ...NODE_FLAGS],
  });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`a process of the benchmark ended early (${String(code)})`);
  });
  ended.catch(() => undefined); // it ends in order after `stop`
  await Promise.race([message(child, 'ready'), ended]);
  const done = Promise.race([message(child, 'done'), ended]);
  done.catch(() => undefined); // not every caller waits for it
  return {
    go: () => child.send('go'),
    done,
    stop: async () => {
      child.send('stop');
      await ended.catch(() => undefined);
    },
  };
}

function message(child: ChildProcess, expected: 'ready' | 'done'): Promise<unknown> {
  return new Promise((resolve) => {
    child.on('message', (said: Record<string, unknown>) => {
      if (expected in said) {
        resolve(said[expected]);
      }
    });
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
