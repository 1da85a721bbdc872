import { z } from 'zod';
import { ConfigurationError } from '../errors.js';
import type { Store } from '../layout/store.js';
import { withinTime } from '../lib/timeouts.js';
import { milliseconds } from '../options.js';
import type { Connection } from '../redis/connection.js';
import { refusalOfCrossSlot } from '../redis/cross-slot-scripts.js';
import { isClusterInMotion } from './failures.js';
import { OutcomeTrimmer } from './outcome-trimmer.js';
import type { OutcomeBounds } from './outcome-trimmer.js';

const DAY_MS = 24 * 3600 * 1000;

/** How much the stream of outcomes holds: what is older, or more, is removed within a second or two. */
export interface TellOutcomes {
  /** How long, 1 second to 400 days, in ms. @defaultValue 7 days */
  keepMs?: number | undefined;
  /** How many updates, 1,000 to 10^9. @defaultValue 1,000,000 */
  keepUpdates?: number | undefined;
  /**
   * How much of Redis' memory, 1,000 to 10^15 bytes, about. @defaultValue 1 GiB, or a sixteenth of `maxmemory` where that is less
   */
  keepBytes?: number | undefined;
}

const boundsSchema = z.strictObject({
  keepMs: milliseconds(1_000, 400 * DAY_MS).default(7 * DAY_MS),
  keepUpdates: z.int().min(1_000).max(1e9).default(1_000_000),
  keepBytes: z.int().min(1_000).max(1e15).optional(),
});

/** Bounds; undefined when outcomes are not told. */
export const tellOutcomesSchema = z
  .union([z.boolean(), boundsSchema])
  .default(false)
  .transform((value) => (value === true ? boundsSchema.parse({}) : value === false ? undefined : value));

/** In a Cluster a master may be away, and the worker serve the others. */
const PARTLY_AWAY_MS = 5_000;

/** Writing it at a bad id is refused, after the rights were checked and before anything is written. */
const TRY_TO_WRITE = "return redis.pcall('XADD', KEYS[1], 'x', 'x', 'x').err";

/**
 * Keeps the streams of outcomes within their bounds from now on, if there are any: else outcomes are not told.
 *
 * @throws ConfigurationError when outcomes can't be told here
 */
export async function keepTelling(
  store: Store,
  bounds: OutcomeBounds | undefined,
  { callByMaster }: { readonly callByMaster: boolean },
): Promise<OutcomeTrimmer | undefined> {
  if (bounds === undefined) {
    return undefined;
  }
  const trimmer = new OutcomeTrimmer({ ...store, bounds });
  if (store.redis.isCluster) {
    const checked = requireCallsByMaster(store.redis, callByMaster).then(() => requireRights(store, trimmer));
    await withinTime(checked, PARTLY_AWAY_MS);
  } else {
    await requireRights(store, trimmer);
  }
  trimmer.start();
  return trimmer;
}

async function requireRights({ redis, keys, logger }: Store, trimmer: OutcomeTrimmer): Promise<void> {
  try {
    await trimmer.trim();
    // On a Cluster it stands for all: which there are will change, and rights go by patterns.
    const refusal = String(await redis.eval(TRY_TO_WRITE, 1, redis.isCluster ? keys.outcomesIn(0) : keys.outcomes));
    if (/can't run this|[nN]o permissions/.test(refusal)) {
      throw new ConfigurationError(lackOf('XADD', keys.outcomes));
    }
  } catch (error) {
    const { message } = error as Error;
    if (redis.isCluster && isClusterInMotion(error)) {
      logger.warn({ err: error }, 'could not make sure that outcomes can be told: a part of the Cluster is away');
      return;
    }
    if (message.startsWith('NOPERM')) {
      throw new ConfigurationError(lackOf('XRANGE, XREVRANGE, XTRIM and MEMORY USAGE', keys.outcomes), {
        cause: error,
      });
    }
    if (message.startsWith('WRONGTYPE')) {
      const what = `outcomes: the key "${keys.outcomes}" is to be the stream of outcomes, but holds something else: rename it`;
      throw new ConfigurationError(what, { cause: error });
    }
    throw error;
  }
}

/** A call for a slot alone can't reach the stream of its master. */
async function requireCallsByMaster(redis: Connection, callByMaster: boolean): Promise<void> {
  if (!callByMaster) {
    throw new ConfigurationError('outcomes (TALLY_OUTCOMES): on a Redis Cluster they need callByMaster: leave it out');
  }
  const asked = await Promise.allSettled(redis.masters().map(refusalOfCrossSlot)); // one that is away is asked by its first call
  const refusal = asked.find((answer) => answer.status === 'fulfilled' && answer.value !== undefined);
  if (refusal !== undefined) {
    throw new ConfigurationError(
      'outcomes (TALLY_OUTCOMES): on a Redis Cluster they need Redis 7 or Valkey on all masters: update it, or leave it out',
    );
  }
}

function lackOf(commands: string, key: string): string {
  return `outcomes (TALLY_OUTCOMES): the Redis user of the worker may not run ${commands} on "${key}": see docs/redis-acl.md`;
}
