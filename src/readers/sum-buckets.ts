import { z } from 'zod';
import { TallyError } from '../errors.js';
import { instantOf } from '../lib/zoned-time.js';
import { bucketSize, instant, msOf, timeZone } from '../operations/bucket-params.js';
import { bucketsBetween, keyInBucket } from '../operations/buckets.js';
import type { BucketSize } from '../operations/buckets.js';
import { cellObject } from '../operations/cell-schema.js';
import type { Connection } from '../redis/connection.js';
import { cellName } from '../redis/cell.js';
import type { Cell } from '../redis/cell.js';
import { readCells } from './read-cells.js';

const MAX_BUCKETS = 1_000;

const DAY_MS = 24 * 3_600_000;

/** How long a bucket is, nearly. */
const LENGTHS_MS: Readonly<Record<BucketSize, number>> = {
  hour: DAY_MS / 24,
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 30 * DAY_MS,
  year: 365 * DAY_MS,
};

const DATE = /^\d{4}-\d\d-\d\d$/;

/** A time, or a day of the time zone, which stands for its beginning. */
const day = z.iso.date({ error: 'must be a day, "2026-11-27", or a time with its offset from UTC' });
const time = z.union([day, instant()], {
  error: 'must be a day, "2026-11-27", or a time with its offset from UTC, "2026-11-27T14:05:00Z", or ms since 1970',
});

const { key, field, member } = cellObject({}).shape;

/** What can be asked of the buckets of a cell. */
export const sumSchema = z
  .strictObject({
    ...{ key, field, member },
    bucket: bucketSize,
    from: time,
    to: time,
    timeZone: timeZone.default('UTC'),
  })
  .superRefine(({ field: ofHash, member: ofSet, bucket: size, ...range }, context) => {
    const refuse = (name: string, message: string) => {
      context.addIssue({ code: 'custom', path: [name], message });
    };
    const length = timeOf(range.to, range.timeZone) - timeOf(range.from, range.timeZone);
    if (ofHash !== undefined && ofSet !== undefined) {
      refuse('member', 'give field (a hash) or member (a sorted set), not both');
    }
    if (length < 0) {
      refuse('to', 'is before from');
    } else if (length > MAX_BUCKETS * LENGTHS_MS[size]) {
      refuse('to', `is more than ${MAX_BUCKETS} times a ${size} after from: ask for a part of it`);
    }
  });

export type SumQuestion = z.output<typeof sumSchema>;

export interface BucketSum extends Cell {
  /** Of the buckets that are there. */
  readonly sum: number;
  /** All buckets of the range, the earliest first. */
  readonly series: readonly BucketValue[];
}

export interface BucketValue {
  /** As in the key, e.g. `2026-11-27`. */
  readonly bucket: string;
  /** When it begins, in ms. */
  readonly startMs: number;
  /** null when there is no such bucket: nothing was counted in it, or its life is over. */
  readonly value: number | null;
}

/**
 * Reads the buckets of a cell from the one that holds `from` to the one that holds `to`, with one round trip to each master.
 *
 * @throws TallyError `WRONG_TYPE` or `NOT_AN_INTEGER` when one of them holds something else, `OUT_OF_RANGE` when the sum is
 * not within +-(2^53 - 1)
 */
export async function sumBuckets(redis: Connection, question: SumQuestion): Promise<BucketSum> {
  const { bucket: size, timeZone: zone, from, to } = question;
  const buckets = [...bucketsBetween(timeOf(from, zone), timeOf(to, zone), size, zone)];
  const cell = cellName(question);
  const cells = buckets.map(({ name }) => ({ ...cell, key: keyInBucket(cell.key, name) }));
  const readings = cells.length === 0 ? [] : await readCells(redis, cells);
  let sum = 0n;
  const series = readings.map((reading, place): BucketValue => {
    if (reading.code !== undefined) {
      throw new TallyError(reading.code, reading.message);
    }
    sum += BigInt(reading.value ?? 0);
    const { name = '', startMs = 0 } = buckets[place] ?? {};
    return { bucket: name, startMs, value: reading.value };
  });
  if (!Number.isSafeInteger(Number(sum))) {
    throw new TallyError('OUT_OF_RANGE', `the sum is ${sum}, not within +-(2^53 - 1): ask for fewer buckets`);
  }
  return { ...cell, sum: Number(sum), series };
}

function timeOf(time: number | string, zone: string): number {
  return typeof time === 'string' && DATE.test(time) ? instantOf(Date.parse(time), zone) : msOf(time);
}
