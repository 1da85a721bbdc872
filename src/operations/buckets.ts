import { changeBetween, instantOf, offsetAt } from '../lib/zoned-time.js';

export const BUCKET_SIZES = ['hour', 'day', 'week', 'month', 'year'] as const;

export type BucketSize = (typeof BUCKET_SIZES)[number];

/** A span of the calendar in which updates are counted apart. */
export interface Bucket {
  /** As in the key, e.g. `2026-11-27T14`, `2026-11-27`, `2026-W48` (weeks are those of ISO 8601), `2026-11`, `2026`. */
  readonly name: string;
  readonly startMs: number;
  /** The start of the next. */
  readonly endMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;

const NAME = /^\d{4}(?:-W\d\d|-\d\d(?:-\d\d(?:T\d\d(?:[+-]\d{4})?)?)?)?$/;

export function isBucketName(text: string): boolean {
  return NAME.test(text);
}

/** The key of the cell in which a bucket of a key is counted. */
export function keyInBucket(key: string, bucket: string): string {
  return `${key}:${bucket}`;
}

/** The opposite of {@link keyInBucket}; a key that ends in no name of a bucket stays as it is. */
export function keyOfBucket(key: string): string {
  const colon = key.lastIndexOf(':');
  return isBucketName(key.slice(colon + 1)) ? key.slice(0, Math.max(0, colon)) : key;
}

/** The latest of each size and zone: many updates in a row have the same. */
const latest = new Map<string, Bucket>();
const MAX_LATEST = 1_000;

/** The bucket in which an instant lies. */
export function bucketAt(ms: number, size: BucketSize, timeZone: string): Bucket {
  const id = `${size} ${timeZone}`;
  const known = latest.get(id);
  if (known !== undefined && ms >= known.startMs && ms < known.endMs) {
    return known;
  }
  const bucket = size === 'hour' ? hourAt(ms, timeZone) : calendarBucketAt(ms, size, timeZone);
  if (latest.size >= MAX_LATEST) {
    latest.clear();
  }
  latest.set(id, bucket);
  return bucket;
}

/** When so many further buckets of this size are over. */
export function endAfter({ startMs, endMs }: Bucket, further: number, size: BucketSize, timeZone: string): number {
  if (size === 'hour') {
    return endMs + further * HOUR_MS;
  }
  const start = startOf(startMs + offsetAt(startMs, timeZone), size);
  return instantOf(startAfter(start, further + 1, size), timeZone);
}

/** The buckets from that of one instant to that of another, `most` at most. */
export function* bucketsBetween(fromMs: number, toMs: number, size: BucketSize, timeZone: string): Generator<Bucket> {
  const last = bucketAt(toMs, size, timeZone);
  let bucket = bucketAt(fromMs, size, timeZone);
  while (bucket.startMs < last.startMs) {
    yield bucket;
    bucket = bucketAt(bucket.endMs, size, timeZone);
  }
  if (fromMs <= toMs) {
    yield last;
  }
}

type CalendarSize = Exclude<BucketSize, 'hour'>;

function calendarBucketAt(ms: number, size: CalendarSize, timeZone: string): Bucket {
  const start = startOf(ms + offsetAt(ms, timeZone), size);
  return {
    name: nameOf(start, size),
    startMs: instantOf(start, timeZone),
    endMs: instantOf(startAfter(start, 1, size), timeZone),
  };
}

/** What clocks show when the bucket begins in which they show this. Both in ms since their 1970. */
function startOf(localMs: number, size: CalendarSize): number {
  const local = new Date(localMs);
  const day = Math.floor(localMs / DAY_MS);
  switch (size) {
    case 'day':
      return day * DAY_MS;
    case 'week':
      return (day - mod(day + 3, 7)) * DAY_MS; // 1970 began on a Thursday
    case 'month':
      return Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), 1);
    case 'year':
      return Date.UTC(local.getUTCFullYear(), 0, 1);
  }
}

function startAfter(start: number, buckets: number, size: CalendarSize): number {
  const local = new Date(start);
  switch (size) {
    case 'day':
      return start + buckets * DAY_MS;
    case 'week':
      return start + buckets * WEEK_MS;
    case 'month':
      return Date.UTC(local.getUTCFullYear(), local.getUTCMonth() + buckets, 1);
    case 'year':
      return Date.UTC(local.getUTCFullYear() + buckets, 0, 1);
  }
}

function nameOf(start: number, size: CalendarSize): string {
  const date = new Date(start).toISOString();
  switch (size) {
    case 'day':
      return date.slice(0, 10);
    case 'month':
      return date.slice(0, 7);
    case 'year':
      return date.slice(0, 4);
    case 'week': {
      const thursday = start + 3 * DAY_MS; // whose year is that of its week
      const year = new Date(thursday).getUTCFullYear();
      const week = 1 + Math.floor((thursday - Date.UTC(year, 0, 1)) / WEEK_MS);
      return `${year}-W${String(week).padStart(2, '0')}`;
    }
  }
}

/**
 * What clocks show as one hour, up to where they are set. An hour that they show twice is two buckets, whose names end in their
 * offsets from UTC: `2026-10-25T02+0200` and `2026-10-25T02+0100`.
 */
function hourAt(ms: number, timeZone: string): Bucket {
  const offset = offsetAt(ms, timeZone);
  const local = Math.floor((ms + offset) / HOUR_MS) * HOUR_MS;
  const [from, to] = [local - offset, local - offset + HOUR_MS];
  const startMs = offsetAt(from, timeZone) === offset ? from : changeBetween(from, ms, timeZone);
  const endMs = offsetAt(to - 1, timeZone) === offset ? to : changeBetween(ms, to - 1, timeZone);
  const name = new Date(local).toISOString().slice(0, 13);
  return { name: isShownTwice(local, ms, offset, timeZone) ? name + shownOffset(offset) : name, startMs, endMs };
}

function isShownTwice(local: number, ms: number, offset: number, timeZone: string): boolean {
  const others = [offsetAt(ms - DAY_MS, timeZone), offsetAt(ms + DAY_MS, timeZone)].filter((it) => it !== offset);
  return others.some((other) =>
    [local - other, local - other + HOUR_MS - 1].some((instant) => offsetAt(instant, timeZone) === other),
  );
}

function shownOffset(offsetMs: number): string {
  const minutes = Math.abs(offsetMs) / 60_000;
  const text = String(Math.floor(minutes / 60) * 100 + Math.floor(minutes % 60)).padStart(4, '0');
  return `${offsetMs < 0 ? '-' : '+'}${text}`;
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}
