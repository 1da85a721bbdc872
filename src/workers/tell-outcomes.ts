import { z } from 'zod';
import { ConfigurationError } from '../errors.js';
import type { Store } from '../layout/store.js';
import { milliseconds } from '../options.js';
import type { Connection } from '../redis/connection.js';
import { OutcomeTrimmer } from './outcome-trimmer.js';
import type { OutcomeBounds } from './outcome-trimmer.js';

const DAY_MS = 24 * 3600 * 1000;

/** How much the stream of outcomes holds: what is older, or more, is removed within a second or two. */
export interface TellOutcomes {
  /** How long, 1 second to 400 days, in ms. @defaultValue 7 days */
  keepMs?: number | undefined;
  /** How many updates, 1,000 to 10^9. @defaultValue 1,000,000 */
  keepUpdates?: number | undefined;
}

const boundsSchema = z.strictObject({
  keepMs: milliseconds(1_000, 400 * DAY_MS).default(7 * DAY_MS),
  keepUpdates: z.int().min(1_000).max(1e9).default(1_000_000),
});

/** Bounds; undefined when outcomes are not told. */
export const tellOutcomesSchema = z
  .union([z.boolean(), boundsSchema])
  .default(false)
  .transform((value) => (value === true ? boundsSchema.parse({}) : value === false ? undefined : value));

/** Writing it at a bad id is refused, after the rights were checked and before anything is written. */
const TRY_TO_WRITE = "return redis.pcall('XADD', KEYS[1], 'x', 'x', 'x').err";

/**
 * Keeps the stream of outcomes within its bounds from now on, if there are any: else outcomes are not told.
 *
 * @throws ConfigurationError when outcomes can't be told here
 */
export async function keepTelling(
  store: Store,
  bounds: OutcomeBounds | undefined,
): Promise<OutcomeTrimmer | undefined> {
  if (bounds === undefined) {
    return undefined;
  }
  const { redis, keys } = store;
  refuseCluster(redis);
  const trimmer = new OutcomeTrimmer({ ...store, bounds });
  try {
    await trimmer.trim();
    const refusal = String(await redis.eval(TRY_TO_WRITE, 1, keys.outcomes));
    if (/can't run this|[nN]o permissions/.test(refusal)) {
      throw new ConfigurationError(lackOf('XADD', keys.outcomes));
    }
  } catch (error) {
    const { message } = error as Error;
    if (message.startsWith('NOPERM')) {
      throw new ConfigurationError(lackOf('XRANGE, XREVRANGE and XTRIM', keys.outcomes), { cause: error });
    }
    if (message.startsWith('WRONGTYPE')) {
      const what = `outcomes: the key "${keys.outcomes}" is to be the stream of outcomes, but holds something else: rename it`;
      throw new ConfigurationError(what, { cause: error });
    }
    throw error;
  }
  trimmer.start();
  return trimmer;
}

function refuseCluster({ isCluster }: Pick<Connection, 'isCluster'>): void {
  if (isCluster) {
    throw new ConfigurationError(
      'outcomes (TALLY_OUTCOMES): outcomes can not be told on a Redis Cluster yet: leave it out, or use one server',
    );
  }
}

function lackOf(commands: string, key: string): string {
  return `outcomes (TALLY_OUTCOMES): the Redis user of the worker may not run ${commands} on "${key}": see docs/redis-acl.md`;
}
