import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { Random } from '../../faults/random.js';
import type { OwnRedis } from '../../support/tally.js';

/** What is killed by SIGKILL, and started again. */
export interface Victim {
  readonly name: string;
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Resolves when it has said something since it was started: on a busy machine that takes many seconds. Or when it has ended. */
  saidSomething(): Promise<void>;
}

export class ProcessVictim implements Victim {
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #ready: Promise<unknown> = Promise.resolve();
  errors = '';

  constructor(
    readonly name: string,
    private readonly args: readonly string[],
    private readonly environment: Record<string, string>,
  ) {
    onTestFinished(() => this.kill());
  }

  start(): Promise<void> {
    const child = spawn(process.execPath, this.args, {
      env: { PATH: process.env['PATH'], ...this.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stderr.on('data', (chunk: Buffer) => (this.errors = (this.errors + chunk.toString()).slice(-2_000)));
    this.#child = child;
    this.#ready = once(child.stdout.resume(), 'data');
    this.#ended = once(child, 'exit');
    return Promise.resolve();
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  async saidSomething(): Promise<void> {
    await Promise.race([this.#ready, this.#ended]);
  }

  /** Asks it to end, once it has said something. @returns its code */
  async stop(): Promise<unknown> {
    await this.saidSomething();
    this.#child?.kill('SIGTERM');
    await this.#ended;
    return this.#child?.exitCode;
  }
}

export function redisVictim(redis: OwnRedis): Victim {
  return {
    name: 'redis',
    kill: async () => {
      process.kill(redis.pid(), 'SIGKILL');
      await wait(100);
    },
    start: () => redis.start(), // which waits until it answers
    saidSomething: () => Promise.resolve(),
  };
}

/** Kills all in turn, then at random; all of them run when this is over. @returns how often each was killed */
export async function strike(
  victims: readonly [Victim, ...Victim[]],
  random: Random,
  { lastsMs, atMostMs, isEnough }: { lastsMs: number; atMostMs: number; isEnough: () => boolean },
): Promise<Map<string, number>> {
  const kills = new Map<string, number>();
  const beganAtMs = performance.now();
  const goesOn = () => {
    const struckMs = performance.now() - beganAtMs;
    return struckMs < lastsMs || (struckMs < atMostMs && !isEnough());
  };
  const down = new Set<Promise<void>>();
  const striking = new Set<Victim>();
  const first = random.shuffle([...victims]);
  while (goesOn()) {
    await wait(random.int(100, 1_200));
    const victim = first.shift() ?? random.pick(victims);
    const downMs = random.int(0, 1_500); // so that several are away at a time
    const livesMs = random.int(2_000, 6_000); // from its first word on: else most would die before they have done anything
    if (!striking.has(victim)) {
      striking.add(victim);
      kills.set(victim.name, (kills.get(victim.name) ?? 0) + 1);
      const back = victim
        .kill()
        .then(() => wait(downMs))
        .then(() => victim.start());
      down.add(back);
      void back
        .then(() => victim.saidSomething())
        .then(() => wait(livesMs))
        .then(() => striking.delete(victim));
    }
  }
  await Promise.all(down);
  return kills;
}
