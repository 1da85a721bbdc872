import { z } from 'zod';
import { isTimeZone } from '../lib/zoned-time.js';
import { cellName } from '../redis/cell.js';
import type { Cell } from '../redis/cell.js';
import { bucketAt, BUCKET_SIZES, endAfter, isBucketName, keyInBucket } from './buckets.js';
import type { BucketSize } from './buckets.js';
import { derived, unlessGiven } from './without-defaults.js';

/** Ten years, as for the life of a key. */
const MAX_SECONDS = 10 * 365 * 24 * 3600;

/** How long a bucket of each size is at least. */
const SECONDS: Readonly<Record<BucketSize, number>> = {
  hour: 3_600,
  day: 23 * 3_600,
  week: 7 * 23 * 3_600,
  month: 28 * 23 * 3_600,
  year: 365 * 23 * 3_600,
};

/** The last ms of the year 9999. */
const LATEST_MS = 253_402_300_799_999;

/** In March of 1973. What is less is most likely seconds, in which it is the year 5138; an earlier time can be given as a text. */
const LEAST_MS = 100_000_000_000;

/** As long as an update may be delayed, and a day: a time further ahead of when it is sent is a wrong clock or a wrong unit. */
const MOST_AHEAD_MS = 366 * 24 * 3600 * 1000;

/** Where an update counts: the producer says so when it is sent, so that no attempt, and no worker, can say anything else. */
export interface Placed {
  /** The name of the bucket, e.g. `2026-11-27`. */
  readonly bucket: string;
  /** The life of the bucket when this update creates it. */
  readonly ttlSeconds?: number | undefined;
  /** Whether it came too late. */
  readonly late?: boolean | undefined;
}

/** The params of an operation that can count in buckets. */
export interface BucketParams {
  readonly bucket?: BucketSize | undefined;
  readonly timeZone?: string | undefined;
  readonly at?: number | string | undefined;
  readonly keepBuckets?: number | undefined;
  readonly lateBySeconds?: number | undefined;
  readonly placed?: Placed | undefined;
}

const timeError = 'must be a time with its offset from UTC, "2026-11-27T14:05:00Z", or ms since 1970';
const secondsError = 'looks like seconds: give ms since 1970, or the time as a text, "2026-11-27T14:05:00Z"';

/** An instant: ms since 1970, or a text of ISO 8601 with an offset from UTC, which a Date becomes; from 1970 to 9999. */
export function instant() {
  const ms = z.int({ error: timeError }).min(LEAST_MS, secondsError).max(LATEST_MS, timeError);
  const text = z.iso.datetime({ offset: true, error: timeError }).refine((it) => msOf(it) >= 0, timeError);
  const textOrDate = z
    .custom<string | Date>((it) => typeof it === 'string' || it instanceof Date)
    .meta({ type: 'string', format: 'date-time' }) // in JSON a Date is one
    .transform((it) => (it instanceof Date ? it.toJSON() : it))
    .pipe(text);
  return z.union([ms, textOrDate], { error: timeError });
}

/** The time that {@link instant} tells, in ms. */
export function msOf(time: number | string): number {
  return typeof time === 'number' ? time : Date.parse(time);
}

export const timeZone = z
  .string({ error: 'must be the name of a time zone, e.g. "Europe/Berlin"' })
  .refine(isTimeZone, { error: 'is not the name of a time zone, e.g. "Europe/Berlin"', abort: true });

const seconds = (what: string, min: number) => {
  const error = `must be a whole number of ${what} from ${min} to ${MAX_SECONDS}`;
  return z.int({ error }).min(min, error).max(MAX_SECONDS, error);
};

const placed = z.strictObject({
  bucket: z.string().refine(isBucketName, 'is not the name of a bucket'),
  ttlSeconds: seconds('seconds', 1).optional(),
  late: z.boolean().optional(),
});

export const bucketSize = z.enum(BUCKET_SIZES, { error: `must be one of ${BUCKET_SIZES.join(', ')}` });

export const bucketShape = {
  /** Counts in a cell of this hour, day, week, month or year, such as `views:2026-11-27`. @defaultValue in the cell itself */
  bucket: bucketSize.optional(),
  /** In which its days begin, for example `Europe/Berlin`. @defaultValue `UTC` */
  timeZone: unlessGiven(timeZone, 'UTC'),
  /** The time to which it belongs, a year ahead at most: a Date, RFC 3339 or ms since 1970. @defaultValue when it was sent, by Redis' clock */
  at: instant().optional(),
  /** For how many buckets a bucket is kept. @defaultValue it stays */
  keepBuckets: seconds('buckets', 1).optional(),
  /** How long after `at` it may be sent: later it is rejected, `TOO_LATE`. @defaultValue taken however late */
  lateBySeconds: seconds('seconds', 0).optional(),
  /** A caller does not give it: see {@link placeInBucket}. */
  placed: derived(placed) as unknown as z.ZodOptional<z.ZodType<Placed, never>>,
};

/** Of each param that needs a bucket, whether there is one. Read by its name, since by a variable it is slow. */
const FITS_BUCKET = {
  timeZone: (params) => params.timeZone === undefined || params.bucket !== undefined,
  at: (params) => params.at === undefined || params.bucket !== undefined,
  keepBuckets: (params) => params.keepBuckets === undefined || params.bucket !== undefined,
  lateBySeconds: (params) => params.lateBySeconds === undefined || params.bucket !== undefined,
  placed: (params) => params.placed === undefined || params.bucket !== undefined,
} as const satisfies Partial<Record<keyof BucketParams, (params: BucketParams) => boolean>>;

/** Refuses what is said of a bucket where none is named. By predicates, as the params of each update are checked. */
export function requireBucket<Schema extends z.ZodObject>(schema: Schema): Schema {
  return Object.entries(FITS_BUCKET).reduce(
    (checked, [name, fits]) =>
      checked.refine(fits as (params: unknown) => boolean, {
        path: [name],
        error: 'needs bucket: hour, day, week, month or year',
      }),
    schema,
  );
}

/** Refuses params of a bucket where none is named, and a life that can't be. */
export function checkBucketParams<Schema extends z.ZodObject>(schema: Schema): Schema {
  return requireBucket(schema)
    .refine(({ keepBuckets, ttlSeconds }) => keepBuckets === undefined || ttlSeconds === undefined, {
      path: ['keepBuckets'],
      error: 'is the life of a bucket: leave out ttlSeconds',
    })
    .refine(livesTenYearsAtMost, { path: ['keepBuckets'], error: 'must be ten years at most' });
}

function livesTenYearsAtMost({ bucket, keepBuckets }: BucketParams): boolean {
  return bucket === undefined || keepBuckets === undefined || keepBuckets * SECONDS[bucket] <= MAX_SECONDS;
}

/** The cell in which an update counts: that of its bucket, if it names one. */
export function inBucket(cell: Cell, { placed }: BucketParams): Cell {
  return placed === undefined
    ? cell
    : { key: keyInBucket(cell.key, placed.bucket), field: cell.field, member: cell.member };
}

/** What an inverse says to meet the cell in which an update was counted, whenever it is sent. */
export function sameCell(cell: Cell, params: BucketParams): object {
  return { ...cellName(cell), ...sameBucket(params) };
}

export function sameBucket({ bucket, timeZone: zone, at, keepBuckets, placed }: BucketParams): object {
  return bucket === undefined
    ? {}
    : {
        bucket,
        ...(zone !== undefined && { timeZone: zone }),
        ...(at !== undefined && { at }),
        ...(keepBuckets !== undefined && { keepBuckets }),
        ...(placed !== undefined && { placed }),
      };
}

/** The words for what came too late. */
export const TOO_LATE = (_details: readonly number[], { at, lateBySeconds, keepBuckets }: BucketParams) => {
  const limits = [
    lateBySeconds === undefined ? [] : `more than ${lateBySeconds} seconds after that (lateBySeconds)`,
    keepBuckets === undefined ? [] : `when the life of its bucket was over (keepBuckets is ${keepBuckets})`,
  ];
  return { message: `it belongs to ${at ?? 'an earlier time'}, and was sent ${limits.flat().join(', or ')}` };
};

/** Params that say in which bucket they count, and whether that depends on when they are sent; or what is wrong with them. */
export type Placement<Params> = { readonly params: Params; readonly byNow: boolean } | { readonly fault: PlaceFault };

interface PlaceFault {
  /** Within the params. */
  readonly path: string;
  readonly message: string;
}

/** When an update is sent, in ms, by Redis' clock. */
export type SentAt = () => number;

/**
 * Says in which bucket an update counts, in its params: they are what its schema put out, and nobody else has them. A copy by spread would
 * cost all who look at it.
 *
 * @param sentAt undefined for the update of a job, which has it said already
 * @returns undefined when there is nothing to be said
 */
export function placeInBucket<Params extends BucketParams>(
  params: Params,
  sentAt: SentAt | undefined,
): Placement<Params> | undefined {
  const { bucket: size, timeZone: zone = 'UTC', at, keepBuckets, lateBySeconds = Infinity } = params;
  if (size === undefined || (sentAt === undefined && params.placed !== undefined)) {
    return undefined;
  }
  if (sentAt === undefined) {
    return fault('placed', 'does not say in which bucket it counts: submit it through a producer of Tally');
  }
  if (params.placed !== undefined) {
    return fault('placed', 'is said by Tally: leave it out');
  }
  const sentAtMs = sentAt();
  const atMs = at === undefined ? sentAtMs : msOf(at);
  if (atMs - sentAtMs > MOST_AHEAD_MS) {
    return fault(
      'at',
      "must not be more than 366 days ahead of Redis' clock: give ms since 1970, of a clock that is right",
    );
  }
  const bucket = bucketAt(atMs, size, zone);
  const endMs = keepBuckets === undefined ? Infinity : endAfter(bucket, keepBuckets, size, zone);
  const isLate = sentAtMs - atMs > lateBySeconds * 1_000 || endMs <= sentAtMs;
  const placed: Placed = {
    bucket: bucket.name,
    ...(keepBuckets !== undefined && !isLate && { ttlSeconds: lifeUntil(endMs, sentAtMs) }),
    ...(isLate && { late: true }),
  };
  return { params: Object.assign(params, { placed }), byNow: at === undefined };
}

/** In whole minutes, so that updates which are sent together have the same: the script is told of each life that differs. */
function lifeUntil(endMs: number, sentAtMs: number): number {
  return Math.min(MAX_SECONDS, Math.ceil((endMs - sentAtMs) / 60_000) * 60);
}

function fault(path: string, message: string): { readonly fault: PlaceFault } {
  return { fault: { path, message } };
}
