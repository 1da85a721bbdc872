import { z } from 'zod';
import { checkOptions } from '../lib/check-options.js';
import { openStore } from '../layout/store.js';
import type { Store } from '../layout/store.js';
import { bucketShape, msOf, requireBucket } from '../operations/bucket-params.js';
import { bucketAt, keyInBucket } from '../operations/buckets.js';
import type { BucketSize } from '../operations/buckets.js';
import { cellObject, heldCellObject, wholeNumber } from '../operations/cell-schema.js';
import { commonShape, milliseconds } from '../options.js';
import type { CommonOptions } from '../options.js';
import { askRedis } from '../redis/ask-redis.js';
import type { Cell } from '../redis/cell.js';
import { toMs } from '../redis/server-time.js';
import { readPlaces, readRank } from './leaderboard.js';
import type { Leaderboard, MemberRank, Order, Ranking } from './leaderboard.js';
import { sumBuckets, sumSchema } from './sum-buckets.js';
import type { BucketSum } from './sum-buckets.js';
import { readCells } from './read-cells.js';
import type { CellReading } from './read-cells.js';
import { readHistory } from './read-history.js';
import { readReservations } from './read-reservations.js';
import type { Reservations } from './read-reservations.js';
import type { Change } from './read-history.js';

export interface ReaderOptions extends Pick<CommonOptions, 'redis' | 'namespace' | 'prefix' | 'logger'> {
  /** How long an answer may take, 10 to 300,000 ms. @defaultValue 5,000 */
  timeoutMs?: number;
}

const { redis, namespace, prefix, logger } = commonShape;
const optionsSchema = z.strictObject({
  ...{ redis, namespace, prefix, logger },
  timeoutMs: milliseconds(10, 300_000).default(5_000),
});

/** Cells in one question at most. */
const MAX_CELLS = 1_000;

export const cellsSchema = z
  .array(cellObject({}))
  .min(1, 'name at least one cell')
  .max(MAX_CELLS, `name ${MAX_CELLS} cells at most`);

const cellSchema = cellObject({});
const { key, member } = cellSchema.shape;
const { bucket, timeZone, at } = bucketShape;

/** What can be asked of a leaderboard, with the ranges of its numbers. */
export const boardShape = {
  key,
  order: z.enum(['desc', 'asc'], { error: 'must be "desc" (most is first) or "asc" (least is first)' }).default('desc'),
  ranking: z
    .enum(['shared', 'ordinal'], { error: 'must be "shared" (1, 2, 2, 4) or "ordinal" (1, 2, 3, 4)' })
    .default('shared'),
  ...{ bucket, timeZone, at },
};
export const limit = wholeNumber({ min: 1, max: 1_000 }).default(10);
export const offset = wholeNumber({ min: 0, max: 1_000_000_000 }).default(0);
export const around = wholeNumber({ min: 0, max: 500 }).default(0);

const topSchema = requireBucket(z.strictObject({ ...boardShape, limit, offset }));
const rankSchema = requireBucket(z.strictObject({ ...boardShape, member: member.unwrap(), around }));
type BoardQuestion = Pick<z.output<typeof topSchema>, 'key' | keyof Pick<BoardOptions, 'bucket' | 'timeZone' | 'at'>>;
const reservationsSchema = heldCellObject({ limit: limit.unwrap().default(100), offset });
const manySchema = z.strictObject({ cells: cellsSchema });

interface BoardOptions {
  /** Who is first: who has most (`desc`) or least (`asc`). @defaultValue `desc` */
  order?: Order;
  /** Whether equal scores share a rank (1, 2, 2, 4), or all are numbered through (`ordinal`). @defaultValue `shared` */
  ranking?: Ranking;
  /** Reads the leaderboard of an hour, day, week, month or year, as updates with this `bucket` fill it. @defaultValue that of the key itself */
  bucket?: BucketSize;
  /** That of the updates. @defaultValue `UTC` */
  timeZone?: string;
  /** A time within the bucket: a Date, RFC 3339 or ms since 1970. @defaultValue now, by Redis' clock */
  at?: Date | string | number;
}

export interface TopOptions extends BoardOptions {
  /** How many to read, 1 to 1,000. @defaultValue 10 */
  limit?: number;
  /** How many to leave out before the first, for a further page: 0 to 1,000,000,000. @defaultValue 0 */
  offset?: number;
}

export interface RankOptions extends BoardOptions {
  /** How many to read on each side of the member, 0 to 500. @defaultValue 0 */
  around?: number;
}

export interface ReservationsOptions {
  /** How many to read, those that end first: 1 to 1,000. @defaultValue 100 */
  limit?: number;
  /** How many to leave out, for a further page: 0 to 1,000,000,000. @defaultValue 0 */
  offset?: number;
  /** Of a hash. */
  field?: string;
  /** Of a sorted set. */
  member?: string;
}

export interface SumOptions {
  bucket: BucketSize;
  /** The first bucket is the one that holds this: a day, `2026-11-01`, which begins in the time zone; a time, `2026-11-01T12:00:00Z`; a Date; or ms. */
  from: Date | string | number;
  /** The last bucket is the one that holds this; up to 1,000 buckets. */
  to: Date | string | number;
  /** That of the updates. @defaultValue `UTC` */
  timeZone?: string;
  /** Of a hash. */
  field?: string;
  /** Of a sorted set. */
  member?: string;
}

/**
 * Reads what updates have changed, as Redis holds it now. All of it is within the reach of a user of Redis who may only read.
 *
 * @throws ConfigurationError for options that don't fit
 */
export function createReader(options: ReaderOptions): Reader {
  const { timeoutMs, ...rest } = checkOptions('createReader', optionsSchema, options);
  return new Reader(openStore({ ...rest, connectionName: 'tally-reader', timeoutMs }), timeoutMs);
}

/**
 * All of its questions throw QueueUnavailableError when Redis does not answer in time, RedisRefusedError when it refuses, and
 * ConfigurationError for a question that is not valid.
 */
export class Reader {
  /** @internal use {@link createReader} */
  constructor(
    private readonly store: Pick<Store, 'redis' | 'keys' | 'layouts' | 'close'>,
    private readonly timeoutMs: number,
  ) {}

  /**
   * Reads 1 to 1,000 cells, in their order, with one round trip to each master. What is missing has the value null; of what
   * no update could be applied to, `code` tells why: `WRONG_TYPE` or `NOT_AN_INTEGER`.
   */
  async get(cells: readonly Cell[]): Promise<CellReading[]> {
    const question = checkOptions('get', manySchema, { cells });
    return await this.#ask(readCells(this.store.redis, question.cells));
  }

  /**
   * Reads the first members of a sorted set, or a further page of them.
   *
   * @throws TallyError `WRONG_TYPE` when the key is no sorted set, `NOT_AN_INTEGER` when a score that was read is none
   */
  async top(key: string, options: TopOptions = {}): Promise<Leaderboard> {
    const question = checkOptions('top', topSchema, { key, ...options });
    return await this.#ask(
      this.#keyOfBoard(question).then((ofBoard) => readPlaces(this.store.redis, ofBoard, question)),
    );
  }

  /**
   * Reads where a member of a sorted set stands, and its neighbours.
   *
   * @returns undefined when it is not there
   * @throws TallyError `WRONG_TYPE` when the key is no sorted set, `NOT_AN_INTEGER` when a score that was read is none
   */
  async rank(key: string, member: string, options: RankOptions = {}): Promise<MemberRank | undefined> {
    const question = checkOptions('rank', rankSchema, { key, member, ...options });
    return await this.#ask(
      this.#keyOfBoard(question).then((ofBoard) => readRank(this.store.redis, ofBoard, question.member, question)),
    );
  }

  /**
   * Sums up the buckets of a cell, from the one that holds `from` to the one that holds `to`, and tells each.
   *
   * @throws TallyError `WRONG_TYPE` or `NOT_AN_INTEGER` when a bucket holds something else, `OUT_OF_RANGE` when the sum is not
   * within +-(2^53 - 1)
   */
  async sum(key: string, options: SumOptions): Promise<BucketSum> {
    const question = checkOptions('sum', sumSchema, { key, ...options });
    return await this.#ask(sumBuckets(this.store.redis, question));
  }

  /** Reads the open reservations of a stock, and how much they hold together. What is over by Redis' clock is not among them. */
  async reservations(key: string, options: ReservationsOptions = {}): Promise<Reservations> {
    const { redis, keys } = this.store;
    const { limit, offset, ...stock } = checkOptions('reservations', reservationsSchema, { key, ...options });
    return await this.#ask(readReservations(redis, keys, stock, { limit, offset }));
  }

  /** Reads the last changes of a cell, the latest first: none unless its operations keep a history (`TALLY_HISTORY`). */
  async history(cell: Cell): Promise<Change[]> {
    const { redis, keys, layouts } = this.store;
    const question = checkOptions('history', cellSchema, cell);
    const slot = layouts.receipts.slotOfKey(question.key);
    return slot === undefined ? [] : await this.#ask(readHistory(redis, keys, question, slot));
  }

  /** Ends its connection. */
  close(): void {
    this.store.close();
  }

  /** The key of the leaderboard that is asked for: that of its bucket, if it names one. */
  async #keyOfBoard({ key, bucket: size, timeZone: zone = 'UTC', at: time }: BoardQuestion): Promise<string> {
    if (size === undefined) {
      return key;
    }
    const atMs = time === undefined ? toMs(await this.store.redis.time()) : msOf(time);
    return keyInBucket(key, bucketAt(atMs, size, zone).name);
  }

  #ask<T>(reading: Promise<T>): Promise<T> {
    return askRedis(this.store.redis, this.timeoutMs, reading);
  }
}
