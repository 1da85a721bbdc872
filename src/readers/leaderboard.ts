import type { ChainableCommander } from 'ioredis';
import { TallyError } from '../errors.js';
import type { Connection } from '../redis/connection.js';
import { describeCell } from '../redis/cell.js';
import { integerIn } from '../redis/cell-integer.js';
import { isWrongType } from './read-cells.js';

/** Who is first: who has most (`desc`) or least (`asc`). Those with equal scores stand as Redis sorts them, by name. */
export type Order = 'desc' | 'asc';

/** Whether equal scores share a rank (1, 2, 2, 4), or all are numbered through. */
export type Ranking = 'shared' | 'ordinal';

export interface Rules {
  readonly order: Order;
  readonly ranking: Ranking;
}

export interface RankedMember {
  /** From 1. */
  readonly rank: number;
  readonly member: string;
  readonly score: number;
}

/** A part of a sorted set. */
export interface Leaderboard {
  readonly key: string;
  /** Members in all; 0 when there is no such key. */
  readonly total: number;
  readonly entries: readonly RankedMember[];
}

/** The place of a member, and who stands around it. */
export interface MemberRank extends Leaderboard, RankedMember {}

/**
 * Reads a part of a leaderboard: in one round trip from the first place on, else in two. What it costs grows with the part,
 * not with the leaderboard.
 *
 * @param offset places to leave out
 * @throws TallyError `WRONG_TYPE` when the key is no sorted set, `NOT_AN_INTEGER` when a score is none
 */
export async function readPlaces(
  redis: Connection,
  key: string,
  { offset, limit, ...rules }: Rules & { readonly offset: number; readonly limit: number },
): Promise<Leaderboard> {
  const [total, texts] = (await ask(redis, key, (pipeline) => {
    askForPlaces(pipeline.zcard(key), key, rules.order, offset, limit);
  })) as [number, string[]];
  return { key, total, entries: await rank(redis, key, scoresOf(key, texts), offset, rules) };
}

/**
 * Reads where a member stands: in two round trips, in four with neighbours. While it moves, its neighbours are those of a moment
 * later.
 *
 * @param around how many before it, and how many behind it, to read too
 * @returns undefined when it is not there
 */
export async function readRank(
  redis: Connection,
  key: string,
  member: string,
  { around, ...rules }: Rules & { readonly around: number },
): Promise<MemberRank | undefined> {
  const [total, text, place] = (await ask(redis, key, (pipeline) => {
    pipeline.zcard(key).zscore(key, member);
    if (rules.order === 'desc') {
      pipeline.zrevrank(key, member);
    } else {
      pipeline.zrank(key, member);
    }
  })) as [number, string | null, number | null];
  if (text === null || place === null) {
    return undefined;
  }
  const [own] = await rank(redis, key, scoresOf(key, [member, text]), place, rules);
  if (own === undefined || around === 0) {
    return own && { key, total, ...own, entries: [own] };
  }
  const offset = Math.max(0, place - around);
  const board = await readPlaces(redis, key, { ...rules, offset, limit: place + around + 1 - offset });
  return { ...board, ...own };
}

/** A score with its member. */
type Scored = Omit<RankedMember, 'rank'>;

/** Who has the same score as the one before has its rank; else as many stand before it as have a better score. */
async function rank(
  redis: Connection,
  key: string,
  scored: readonly Scored[],
  offset: number,
  { order, ranking }: Rules,
): Promise<RankedMember[]> {
  const [first] = scored;
  let shared = offset + 1;
  if (first !== undefined && offset > 0 && ranking === 'shared') {
    const [better] = (await ask(redis, key, (pipeline) => {
      if (order === 'desc') {
        pipeline.zcount(key, `(${first.score}`, '+inf');
      } else {
        pipeline.zcount(key, '-inf', `(${first.score}`);
      }
    })) as [number];
    shared = Math.min(shared, better + 1); // more may be before it by now
  }
  return scored.map(({ member, score }, index) => {
    const place = offset + index + 1;
    const isEqual = index === 0 || score === scored[index - 1]?.score;
    shared = isEqual ? shared : place;
    return { rank: ranking === 'shared' ? shared : place, member, score };
  });
}

function askForPlaces(pipeline: ChainableCommander, key: string, order: Order, offset: number, limit: number): void {
  const last = String(offset + limit - 1);
  if (order === 'desc') {
    pipeline.zrevrange(key, offset, last, 'WITHSCORES');
  } else {
    pipeline.zrange(key, offset, last, 'WITHSCORES');
  }
}

/** @param texts members, each with its score behind it */
function scoresOf(key: string, texts: readonly string[]): Scored[] {
  return Array.from({ length: texts.length / 2 }, (_, index) => {
    const [member, text] = [texts[2 * index] ?? '', texts[2 * index + 1] ?? ''];
    const score = integerIn({ member }, text);
    if (score === undefined) {
      const message = `${describeCell({ key, member })} has the score ${text}, not an integer within +-(2^53 - 1)`;
      throw new TallyError('NOT_AN_INTEGER', message);
    }
    return { member, score };
  });
}

/** Asks for several things of one key at once. */
async function ask(
  redis: Connection,
  key: string,
  add: (pipeline: ChainableCommander) => void,
): Promise<readonly unknown[]> {
  const pipeline = redis.pipeline();
  add(pipeline);
  return ((await pipeline.exec()) ?? []).map(([error, reply]) => {
    if (error === null) {
      return reply;
    }
    throw isWrongType(error) ? new TallyError('WRONG_TYPE', `"${key}" is no sorted set, so it has no ranks`) : error;
  });
}
