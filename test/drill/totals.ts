import { existsSync, readFileSync } from 'node:fs';
import type { SetUp } from './set-up.js';
import { until } from './until.js';

const LIMIT_MS = 120_000;

/** What became of all that was accepted. */
export interface Totals {
  readonly accepted: number;
  readonly keys: number;
}

/**
 * Waits until the value of each key is what was accepted for it, exactly. Callers must have stopped.
 *
 * @throws with each that differs: one that lacks something lost an update, one that has more counted one twice
 */
export async function judgeTotals({ callers, redis }: SetUp): Promise<Totals> {
  const expected = [...callers.accepted];
  let differ: string[] = [];
  await until(
    'each key holds what was accepted for it',
    LIMIT_MS,
    async () => {
      const held = (await redis.run('MGET', ...expected.map(([key]) => key))) as (string | null)[];
      differ = expected.flatMap(([key, accepted], index) =>
        Number(held[index] ?? 0) === accepted ? [] : [`${key} is ${held[index]}, accepted ${accepted}`],
      );
      return differ.length === 0;
    },
    () => differ.join('; '),
  );
  return { accepted: expected.reduce((sum, [, accepted]) => sum + accepted, 0), keys: expected.length };
}

/** Waits until the subscriber was told of every update that was accepted. @throws with how many it was not told of */
export async function judgeTold({ callers, journal }: SetUp): Promise<void> {
  let missing = 0;
  await until(
    'the subscribers were told of every update',
    LIMIT_MS,
    () => {
      const told = new Set(existsSync(journal) ? readFileSync(journal, 'utf8').split('\n') : []);
      missing = [...callers.acceptedIds].filter((id) => !told.has(id)).length;
      return Promise.resolve(missing === 0);
    },
    () => `${missing} are missing`,
  );
}
