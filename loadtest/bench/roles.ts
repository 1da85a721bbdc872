import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Increments } from './workload.js';

/** What a process of the benchmark does. Producers and workers each have one of their own, as in production. */
export type Role = ProducerRole | WorkerRole | LatencyRole | HttpRole | BacklogRole | SpreadRole;

/** Submits updates up to a {@link Limit}, and says what they add up to. */
export type ProducerRole =
  | ({ readonly role: 'plain-producer'; readonly batch: number } & Increments)
  | ({ readonly role: 'bee-producer' } & Increments)
  | ({ readonly role: 'evalsha-caller' } & Increments)
  | ({ readonly role: 'tally-producer'; readonly maxBatch: number; readonly keyedShare: number } & Increments)
  | ({ readonly role: 'tally-list-producer' } & Increments)
  | { readonly role: 'plain-mix-producer' | 'tally-mix-producer' };

/** Begins by itself, and says when so many updates are completed. */
export type WorkerRole =
  | { readonly role: 'plain-worker'; readonly applies: 'increments' | 'batches' | 'mix' }
  | { readonly role: 'bee-worker' }
  | {
      readonly role: 'tally-worker';
      /** Left out: all. */
      readonly queues?: readonly string[];
      /** Left out: Tally's own. */
      readonly concurrency?: number;
      /** Left out: it does not tell outcomes. */
      readonly outcomes?: true;
      /** Whether it keeps a history of every cell. @defaultValue of none */
      readonly histories?: true;
    };

interface Sized {
  readonly updates: number;
  readonly keys: number;
}

type LatencyRole = Sized & { readonly role: 'plain-latency' | 'tally-latency'; readonly perSecond: number };

type HttpRole =
  | { readonly role: 'plain-http-server' }
  | (Sized & {
      readonly role: 'http-load';
      /** Of the server. */
      readonly origin: string;
      readonly perRequest: number;
      readonly connections: number;
      /** How long a request waits for its outcome. */
      readonly waitMs: number | undefined;
    });

type BacklogRole = Sized & {
  readonly role: 'tally-backlog';
  /** Updates that wait all the time. */
  readonly waiting: number;
  readonly maxBatch: number;
  /** Jobs under way at a time, beside those that wait. */
  readonly concurrency: number;
};

/** The sides of the comparison of one server and a Cluster: as the others, but they say what processor time they took. */
type SpreadRole =
  | {
      readonly role: 'spread-producer';
      readonly updates: number;
      readonly keys: number;
      readonly partitions: number | undefined;
      readonly maxBatch: number;
      /** Keys that share a hash tag; 1 when they have none. */
      readonly keysOfATag: number;
    }
  | {
      readonly role: 'spread-worker';
      readonly updates: number;
      readonly partitions: number | undefined;
      readonly outcomes: boolean;
    };

export type RoleTask = Role & { readonly redisUrl: string };

/** A running role. */
export interface RunningRole<Order = unknown> {
  /** Does what the order says, and resolves with what it found. */
  work(order: Order): Promise<unknown>;
  close(): Promise<void>;
}

/** What a process says to the benchmark. */
export type RoleMessage = { readonly ready: true } | { readonly done: Done };

/** What is said to it. */
export type RoleOrder = { readonly work: unknown } | 'stop';

export interface Done {
  readonly found: unknown;
  /** Processor time that the process has used since its start, in microseconds. */
  readonly cpuMicros: number;
}

const ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? 'role-process.ts' : 'role-process.js', import.meta.url),
);

/** A process of the benchmark, ready to work. */
export interface RoleProcess {
  /** Has it do what the order says, one at a time, and resolves with what it found. */
  work(order?: unknown): Promise<Done>;
  /** Stops it in the midst of what it does, and lets it go on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  stop(): Promise<void>;
}

export async function startRole(task: RoleTask): Promise<RoleProcess> {
  const child = fork(ENTRY, [JSON.stringify(task)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill); // also when it is stopped
  child.once('exit', () => process.off('exit', kill));
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`a process of the benchmark ended early (${String(code)})`);
  });
  ended.catch(() => undefined); // it ends in order after `stop`
  const order = (text: RoleOrder) => child.send(text);
  await Promise.race([message(child, 'ready'), ended]);
  return {
    work: async (given = null) => {
      const done = message(child, 'done');
      order({ work: given });
      return (await Promise.race([done, ended])) as Done;
    },
    signal: (name) => child.kill(name),
    stop: async () => {
      order('stop');
      await ended.catch(() => undefined);
    },
  };
}

function message(child: ChildProcess, expected: 'ready' | 'done'): Promise<unknown> {
  return new Promise((resolve) => {
    const hear = (said: Record<string, unknown>) => {
      if (expected in said) {
        child.off('message', hear);
        resolve(said[expected]);
      }
    };
    child.on('message', hear);
  });
}
