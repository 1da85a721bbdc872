import type { RedisClient } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { lastTold } from './told.js';

/** What is known of a group of subscribers. */
export interface GroupReading {
  readonly name: string;
  /** Updates told that it was not given yet. */
  readonly lag: number;
  /** Jobs whose outcomes it was given and has not acknowledged. */
  readonly pending: number;
  /** How often outcomes were removed before it came to them, and how many updates, as far as that is known. */
  readonly gaps: number;
  readonly lost: number;
  /** Events that it has set aside. */
  readonly dead: number;
}

/** Reads all groups of the stream of outcomes: none where there is no stream. */
export async function readGroups(
  redis: RedisClient,
  keys: Pick<Keys, 'outcomes' | 'outcomeGroup' | 'deadOutcomes'>,
): Promise<GroupReading[]> {
  const [last, groups] = await Promise.all([lastTold(redis, keys.outcomes), listGroups(redis, keys.outcomes)]);
  return Promise.all(
    groups.map(async ({ name, pending }) => {
      const [[number, gaps, lost], dead] = await Promise.all([
        redis.hmget(keys.outcomeGroup(name), 'number', 'gaps', 'lost'),
        redis.llen(keys.deadOutcomes(name)),
      ]);
      const lag = Math.max(0, last - Number(number ?? 0));
      return { name, lag, pending, gaps: Number(gaps ?? 0), lost: Number(lost ?? 0), dead };
    }),
  );
}

async function listGroups(redis: RedisClient, stream: string): Promise<{ name: string; pending: number }[]> {
  const found = await redis.xinfo('GROUPS', stream).catch((error: unknown) => {
    if ((error as Error).message.includes('no such key')) {
      return [];
    }
    throw error;
  });
  return (found as (string | number)[][]).map((facts) => ({
    name: String(facts[facts.indexOf('name') + 1]),
    pending: Number(facts[facts.indexOf('pending') + 1]),
  }));
}
