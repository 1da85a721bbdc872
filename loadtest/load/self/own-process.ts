import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { RedisTarget } from '../../../src/redis/target.js';
import { withinTime } from '../../../src/lib/timeouts.js';

/** What a process that the load started does. */
export type ProcessTask =
  | ({ readonly role: 'worker' } & Served & WorkerTiming)
  | ({ readonly role: 'api' } & Served)
  | ({ readonly role: 'plain-worker'; readonly redis: RedisTarget; readonly prefix: string } & WorkerTiming);

interface Served {
  readonly redis: string;
  /** The module of the user's own operations. */
  readonly operations?: string | undefined;
}

export interface WorkerTiming {
  readonly concurrency: number;
  /** Left out: that of a worker by itself, here and below. */
  readonly lockDurationMs?: number;
  readonly stalledIntervalMs?: number;
}

const ENTRY = fileURLToPath(
  new URL(`set-up-process.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);
const EXIT_TIMEOUT_MS = 15_000;

/** A worker or an API in a process of its own, which ends with this one. */
export class OwnProcess {
  #child: ChildProcess;
  #ended: Promise<unknown>;

  private constructor(private readonly task: ProcessTask) {
    this.#child = spawn(task);
    this.#ended = once(this.#child, 'exit');
  }

  /** What it said when it was ready: an API, where it listens. */
  facts: unknown;

  /** @throws Error when it ends before it is ready */
  static async start(task: ProcessTask): Promise<OwnProcess> {
    const own = new OwnProcess(task);
    await own.#ready();
    return own;
  }

  /** Ends it as a crash does, and starts it again. */
  async killAndRestart(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
    this.#child = spawn(this.task);
    this.#ended = once(this.#child, 'exit');
    await this.#ready();
  }

  /** Stops it in the middle of what it does. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    if (this.#child.connected) {
      this.#child.send('stop');
    }
    if (!(await withinTime(this.#ended, EXIT_TIMEOUT_MS))) {
      this.#child.kill('SIGKILL');
      await this.#ended;
    }
  }

  async #ready(): Promise<void> {
    const said = once(this.#child, 'message').then(([message]) => (message as { ready: unknown }).ready);
    const early = this.#ended.then(() => {
      throw new Error(`a process of the load, its ${this.task.role}, ended before it was ready`);
    });
    early.catch(() => undefined); // it ends in order later
    this.facts = await Promise.race([said, early]);
  }
}

const children = new Set<ChildProcess>();

function spawn(task: ProcessTask): ChildProcess {
  const child = fork(ENTRY, [JSON.stringify(task)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: true, // Ctrl-C is for the load, which still has to wait for what it submitted
  });
  if (children.size === 0) {
    process.once('exit', killAll); // also the paused ones
  }
  children.add(child);
  child.once('exit', () => {
    children.delete(child);
    if (children.size === 0) {
      process.off('exit', killAll);
    }
  });
  return child;
}

function killAll(): void {
  for (const child of children) {
    child.kill('SIGKILL');
  }
}
