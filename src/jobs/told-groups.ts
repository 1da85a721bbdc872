import type { RedisClient } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { toMs } from '../redis/server-time.js';
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
  /** How long ago, by Redis' time, the first of the outcomes was told that it was not given yet; 0 when it was given all. */
  readonly behindMs: number;
}

/** Reads all groups of the stream of outcomes: none where there is no stream. */
export async function readGroups(
  redis: RedisClient,
  keys: Pick<Keys, 'outcomes' | 'outcomeGroup' | 'deadOutcomes'>,
): Promise<GroupReading[]> {
  const [last, groups, time] = await Promise.all([
    lastTold(redis, keys.outcomes),
    listGroups(redis, keys.outcomes),
    redis.time(),
  ]);
  return Promise.all(
    groups.map(async ({ name, pending, lastGiven }) => {
      const [[number, gaps, lost], dead, [next]] = await Promise.all([
        redis.hmget(keys.outcomeGroup(name), 'number', 'gaps', 'lost'),
        redis.llen(keys.deadOutcomes(name)),
        redis.xrange(keys.outcomes, `(${lastGiven}`, '+', 'COUNT', 1),
      ]);
      const lag = Math.max(0, last - Number(number ?? 0));
      const behindMs = next === undefined ? 0 : Math.max(0, toMs(time) - toldAtMs(next[0]));
      return { name, lag, pending, gaps: Number(gaps ?? 0), lost: Number(lost ?? 0), dead, behindMs };
    }),
  );
}

/** Redis makes the ids of entries: its time, and a number within the ms. */
function toldAtMs(entryId: string): number {
  return Number(entryId.slice(0, entryId.indexOf('-')));
}

async function listGroups(
  redis: RedisClient,
  stream: string,
): Promise<{ name: string; pending: number; lastGiven: string }[]> {
  const found = await redis.xinfo('GROUPS', stream).catch((error: unknown) => {
    if ((error as Error).message.includes('no such key')) {
      return [];
    }
    throw error;
  });
  return (found as (string | number)[][]).map((facts) => {
    const of = (fact: string) => String(facts[facts.indexOf(fact) + 1]);
    return { name: of('name'), pending: Number(of('pending')), lastGiven: of('last-delivered-id') };
  });
}
