import type { Redis } from 'ioredis';

/** One side of the comparison: a way to apply many small updates. */
export interface Contender {
  /** The name in `--only` and in the JSON. */
  readonly name: string;
  readonly title: string;
  /** Updates in one round: enough for some seconds. */
  readonly updates: number;
  /** The number of different keys that the updates hit. */
  readonly keys: number;
  /**
   * Applies the updates and returns how long that took in seconds, from the first submit to the last completion.
   * Undefined when it can't run here.
   */
  run(task: Task): Promise<number | undefined>;
}

export interface Task {
  readonly redisUrl: string;
  readonly redis: Redis;
  readonly updates: number;
  readonly keys: number;
}

/** The keys of a round: `k:000000000000`, as `redis-benchmark -r` makes them. */
export function keyName(number: number): string {
  return `k:${String(number).padStart(12, '0')}`;
}

/**
 * What those who call a script themselves run: one key, one amount. The same for all but Tally, whose script also
 * checks, records receipts and shares its work among the updates of a job.
 */
export const INCREMENT_SCRIPT = `return redis.call('INCRBY', KEYS[1], ARGV[1])`;

/**
 * Adds up all keys of the round.
 *
 * @throws Error when the sum is not the number of updates: each of them adds 1
 */
export async function requireTotal({ redis, keys, updates }: Task, name: string): Promise<void> {
  let sum = 0;
  for (let first = 0; first < keys; first += 1_000) {
    const count = Math.min(1_000, keys - first);
    const values = await redis.mget(Array.from({ length: count }, (_, index) => keyName(first + index)));
    sum += values.reduce((total, value) => total + Number(value ?? 0), 0);
  }
  if (sum !== updates) {
    throw new Error(`wrong total of ${name}: ${sum} instead of ${updates}`);
  }
}
