import { readTold } from '../jobs/told.js';
import type { Store } from '../layout/store.js';
import type { Connection } from '../redis/connection.js';

const EVERY_MS = 1_000;

/** Of what is over the bound so much more is removed, that the place to cut at is seldom looked for. */
const SPARE = 0.05;

/** How much the stream may hold. */
export interface OutcomeBounds {
  readonly keepMs: number;
  readonly keepUpdates: number;
}

interface TrimmerDeps extends Pick<Store, 'redis' | 'keys' | 'clock' | 'logger'> {
  readonly bounds: OutcomeBounds;
}

interface Entry {
  /** Of its id. */
  readonly atMs: number;
  /** Of its last update, and of the one before its first; undefined for what Tally did not write. */
  readonly number: number | undefined;
  readonly before: number | undefined;
}

/**
 * Removes the oldest outcomes that are more than the stream may hold. Not in the script that tells them: there it would come after
 * its first write. The latest entry always stays: it holds the number from which others count on.
 */
export class OutcomeTrimmer {
  #timer: NodeJS.Timeout | undefined;
  #trimming: Promise<void> | undefined;

  constructor(private readonly deps: TrimmerDeps) {}

  start(): void {
    this.#timer = setInterval(() => {
      this.trim().catch((error: unknown) => {
        this.deps.logger.debug({ err: error }, 'could not trim the stream of outcomes, trying again soon');
      });
    }, EVERY_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  trim(): Promise<void> {
    this.#trimming ??= this.#trim().finally(() => {
      this.#trimming = undefined;
    });
    return this.#trimming;
  }

  async #trim(): Promise<void> {
    const { redis, keys, clock, bounds } = this.deps;
    const [first, last] = await Promise.all([entryFrom(redis, keys.outcomes, 0), lastEntry(redis, keys.outcomes)]);
    if (first === undefined || last === undefined) {
      return;
    }
    const oldestMs = clock.latestAt(performance.now()) - bounds.keepMs;
    const cutMs = Math.min(last.atMs, Math.max(oldestMs, await this.#cutByUpdates(first, last)));
    if (cutMs > first.atMs) {
      while ((await redis.xtrim(keys.outcomes, 'MINID', '~', cutMs)) > 0) {
        // by default Redis removes some thousands at a time, so that others get their turn
      }
    }
  }

  /** The time of the oldest entry that may stay. */
  async #cutByUpdates(first: Entry, last: Entry): Promise<number> {
    const { redis, keys, bounds } = this.deps;
    const { keepUpdates } = bounds;
    if (last.number === undefined || first.before === undefined || last.number - first.before <= keepUpdates) {
      return 0;
    }
    const goal = last.number - keepUpdates * (1 - SPARE);
    let [lowMs, highMs] = [first.atMs, last.atMs];
    while (highMs - lowMs > 1) {
      const middleMs = Math.floor((lowMs + highMs) / 2);
      const { before = 0 } = (await entryFrom(redis, keys.outcomes, middleMs)) ?? {};
      if (before < goal) {
        lowMs = middleMs;
      } else {
        highMs = middleMs;
      }
    }
    return highMs;
  }
}

async function entryFrom(redis: Connection, key: string, atMs: number): Promise<Entry | undefined> {
  return readEntry(await redis.xrange(key, atMs, '+', 'COUNT', 1));
}

async function lastEntry(redis: Connection, key: string): Promise<Entry | undefined> {
  return readEntry(await redis.xrevrange(key, '+', '-', 'COUNT', 1));
}

function readEntry([entry]: readonly [id: string, fields: string[]][]): Entry | undefined {
  if (entry === undefined) {
    return undefined;
  }
  const [id, fields] = entry;
  const told = readTold(fields);
  return { atMs: Number(id.split('-')[0]), number: told?.number, before: told && told.number - told.updates };
}
