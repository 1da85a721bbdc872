import type { RedisClient } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { toMs } from '../redis/server-time.js';
import { lastTold } from './told.js';
import { readStreams } from './told-streams.js';
import type { ToldStream } from './told-streams.js';

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

type GroupKeys = Pick<Keys, 'outcomeGroup' | 'deadOutcomes'>;

/** What is known of it in one stream. */
type InStream = Omit<GroupReading, 'dead'>;

/** Who answers for a key: on a Cluster it may be nobody at the moment. */
type ClientOf = (key: string) => RedisClient | undefined;

/** Reads all groups of the streams of outcomes, in all of them together: none where there is no stream. */
export async function readGroups(redis: RedisClient, keys: Keys): Promise<GroupReading[]> {
  return await readGroupsIn(await readStreams(redis, keys), () => redis, keys);
}

/** The same of streams that are known. */
export async function readGroupsIn(
  streams: readonly ToldStream[],
  clientOf: ClientOf,
  keys: GroupKeys,
): Promise<GroupReading[]> {
  const inStreams = (await Promise.all(streams.map((stream) => readStream(clientOf, keys, stream)))).flat();
  const names = [...new Set(inStreams.map(({ name }) => name))];
  return await Promise.all(
    names.map(async (name) => {
      const ofGroup = inStreams.filter((group) => group.name === name);
      const sum = (read: (group: InStream) => number) => ofGroup.reduce((total, group) => total + read(group), 0);
      const letters = keys.deadOutcomes(name);
      return {
        name,
        lag: sum(({ lag }) => lag),
        pending: sum(({ pending }) => pending),
        gaps: sum(({ gaps }) => gaps),
        lost: sum(({ lost }) => lost),
        dead: (await clientOf(letters)?.llen(letters)) ?? 0,
        behindMs: Math.max(0, ...ofGroup.map(({ behindMs }) => behindMs)),
      };
    }),
  );
}

async function readStream(clientOf: ClientOf, keys: GroupKeys, { slot, key }: ToldStream): Promise<InStream[]> {
  const redis = clientOf(key);
  if (redis === undefined) {
    return [];
  }
  const [last, groups, time] = await Promise.all([lastTold(redis, key), listGroups(redis, key), redis.time()]);
  return Promise.all(
    groups.map(async ({ name, pending, lastGiven }) => {
      const [[number, gaps, lost], [next]] = await Promise.all([
        redis.hmget(keys.outcomeGroup(name, slot), 'number', 'gaps', 'lost'),
        redis.xrange(key, `(${lastGiven}`, '+', 'COUNT', 1),
      ]);
      const behindMs = next === undefined ? 0 : Math.max(0, toMs(time) - toldAtMs(next[0]));
      const lag = Math.max(0, last - Number(number ?? 0));
      return { name, lag, pending, gaps: Number(gaps ?? 0), lost: Number(lost ?? 0), behindMs };
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
