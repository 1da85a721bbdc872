import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { toJobData } from '../jobs/job-data.js';
import { JOB_OPTIONS } from '../jobs/job-options.js';
import { openQueue } from '../jobs/queues.js';
import { followingJobId } from '../layout/new-job-id.js';
import type { Store } from '../layout/store.js';
import { OnceAWhile } from '../lib/once-a-while.js';
import { inventoryExpire, MAX_EXPIRED_AT_ONCE } from '../operations/reservations.js';
import { GRACE_MS, stockOfHold } from '../readers/check-holds.js';
import { cellId, cellName, describeCell } from '../redis/cell.js';
import type { Cell } from '../redis/cell.js';
import type { RedisClient } from '../redis/connection.js';
import { NO_SLOT, slotOf } from '../redis/slots.js';

const LOOK_EVERY_MS = 5_000;

/** How long another worker waits with its look when the one whose turn it is has died. */
const TURN_MS = 30_000;

/** Looked through at a time, with a pause after it: 10,000 keys a second of each master, about 1 % of its time. */
const KEYS_AT_ONCE = 1_000;
const PAUSE_MS = 100;

/** How often the same stock is told of: a job that has failed for good leaves its holds until an operator retries it. */
const TELL_EVERY_MS = 600_000;

/** Given back of one stock by one look. */
const MOST_OF_STOCK = 1_000;

type Deps = Pick<Store, 'redis' | 'keys' | 'layouts' | 'clock' | 'logger'>;

/**
 * Finds what is held for too long, as when somebody has removed the job that was to give it back, and has it given back. Looks
 * through all keys, since no list of holds can be written together with cells in any slot; one worker at a time does.
 */
export class OverdueHolds {
  readonly #timer: NodeJS.Timeout;
  readonly #id = randomUUID();
  readonly #closed = new AbortController();
  readonly #told = new OnceAWhile(TELL_EVERY_MS);
  #looking: Promise<void> | undefined;
  #isRefused = false;

  constructor(private readonly deps: Deps) {
    this.#timer = setInterval(() => void this.#inTurn(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#closed.abort();
  }

  async #inTurn(): Promise<void> {
    try {
      if (await this.#isMyTurn()) {
        this.#looking ??= this.#look().finally(() => {
          this.#looking = undefined;
        });
        await this.#looking;
      }
    } catch (error) {
      this.#note(error as Error);
    }
  }

  async #isMyTurn(): Promise<boolean> {
    const { redis, keys } = this.deps;
    if ((await redis.set(keys.overdueTurn, this.#id, 'PX', TURN_MS, 'NX')) === 'OK') {
      return true;
    }
    return (await redis.get(keys.overdueTurn)) === this.#id && (await redis.pexpire(keys.overdueTurn, TURN_MS)) === 1;
  }

  /** Where a master of a Cluster is away, what lies on the others is found all the same. */
  async #look(): Promise<void> {
    await Promise.all(
      this.deps.redis.masters().map((master) =>
        this.#lookAt(master).catch((error: unknown) => {
          this.#note(error as Error);
        }),
      ),
    );
  }

  async #lookAt(master: RedisClient): Promise<void> {
    const pattern = this.deps.keys.holdsPattern('ends');
    let cursor = '0';
    do {
      const [next, found] = await master.scan(cursor, 'MATCH', pattern, 'COUNT', KEYS_AT_ONCE);
      cursor = next;
      for (const key of found) {
        await this.#giveBack(key);
      }
      await pause(PAUSE_MS, undefined, { ref: false }).catch(() => undefined);
    } while (cursor !== '0' && !this.#closed.signal.aborted);
  }

  /** @param key of the ends of what is held of a stock */
  async #giveBack(key: string): Promise<void> {
    const { redis, layouts, clock, logger } = this.deps;
    const stock = stockOfHold(key);
    const slot = stock && layouts.receipts.slotOfKey(stock.key);
    if (stock === undefined || slot === undefined) {
      return;
    }
    const nowMs = clock.at(performance.now(), slot);
    const until = nowMs - GRACE_MS;
    const found = await redis.zrangebyscore(key, '-inf', until, 'WITHSCORES', 'LIMIT', 0, MOST_OF_STOCK);
    for (let first = 0; first < found.length; first += 2 * MAX_EXPIRED_AT_ONCE) {
      await this.#add(stock, found.slice(first, first + 2 * MAX_EXPIRED_AT_ONCE), nowMs);
    }
    if (found.length > 0) {
      const facts = { stock: describeCell(stock), reservations: found.length / 2 };
      this.#told.came(key, () => {
        logger.warn(
          facts,
          'giving back what is held for too long: the job that was to do it is late, was removed, or failed',
        );
      });
    }
  }

  /** The same job for the same holds: one that has failed is not added again, it waits for an operator. */
  async #add(stock: Cell, namesAndEnds: readonly string[], nowMs: number): Promise<void> {
    const { redis, layouts, logger } = this.deps;
    const place = slotOf(stock.key);
    const { prefix } = layouts.configured.partitionOf(place);
    const reservations = namesAndEnds.filter((_, index) => index % 2 === 0);
    const endMs = Math.max(...namesAndEnds.filter((_, index) => index % 2 === 1).map(Number));
    const params = { ...cellName(stock), reservations };
    const slot = layouts.receipts.slotOfKey(stock.key) ?? NO_SLOT;
    const update = { params, idempotencyKey: undefined, idempotencyOwner: '', slot };
    const queue = openQueue(inventoryExpire.queue, prefix, redis, logger);
    try {
      await queue.add(inventoryExpire.name, toJobData([update], { sentAtMs: nowMs }, layouts.receipts), {
        ...JOB_OPTIONS,
        jobId: followingJobId(JSON.stringify([cellId(stock), namesAndEnds]), place, endMs),
        timestamp: nowMs,
      });
    } finally {
      await queue.close();
    }
  }

  #note(error: Error): void {
    const what = 'could not look for what is held for too long, trying again soon';
    const isNew = error.message.startsWith('NOPERM') && !this.#isRefused;
    this.#isRefused ||= isNew;
    this.deps.logger[isNew ? 'warn' : 'debug']({ err: error }, what);
  }
}
