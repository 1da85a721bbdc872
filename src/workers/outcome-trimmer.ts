import { readTold } from '../jobs/told.js';
import { KnownStreams } from '../jobs/told-streams.js';
import type { Store } from '../layout/store.js';
import type { Connection } from '../redis/connection.js';
import { readServerFacts } from '../redis/requirements.js';
import { compareIds, partsOf } from '../redis/stream-ids.js';
import { defaultBytes, levelOf } from './keep-outcomes.js';

const EVERY_MS = 1_000;

/** By which Redis reckons what the stream takes of its memory. */
const SAMPLES = 20;

/** Of what is over the bound so much more is removed, that the place to cut at is seldom looked for. */
const SPARE = 0.05;

/** How much all streams together may hold. */
export interface OutcomeBounds {
  readonly keepMs: number;
  readonly keepUpdates: number;
  /** @defaultValue see `defaultBytes` */
  readonly keepBytes?: number | undefined;
}

interface TrimmerDeps extends Pick<Store, 'redis' | 'keys' | 'clock' | 'logger'> {
  readonly bounds: OutcomeBounds;
}

interface Entry {
  readonly id: string;
  /** Of its last update, and of the one before its first; undefined for what Tally did not write. */
  readonly number: number | undefined;
  readonly before: number | undefined;
}

/** A stream, and what it holds. */
interface Measured {
  readonly key: string;
  readonly first: Entry;
  readonly last: Entry;
  readonly updates: number;
  readonly bytes: number;
}

/**
 * Removes the oldest outcomes that are more than the streams may hold: of several the largest give way. Not in the script that tells them: there it would come after
 * its first write. The latest entry always stays: it holds the number from which others count on.
 */
export class OutcomeTrimmer {
  #timer: NodeJS.Timeout | undefined;
  #trimming: Promise<void> | undefined;
  readonly #streams: KnownStreams;

  constructor(private readonly deps: TrimmerDeps) {
    this.#streams = new KnownStreams(deps.redis, deps.keys);
  }

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
    const { redis, bounds } = this.deps;
    const streams = await this.#streams.list();
    const asked = await Promise.allSettled(streams.map(({ key }) => this.#measure(key)));
    const [fault] = asked.filter((answer) => answer.status === 'rejected');
    const there = asked.flatMap((answer) => (answer.status === 'fulfilled' ? (answer.value ?? []) : []));
    if (there.length > 0) {
      const { keepBytes = defaultBytes([(await readServerFacts(redis.masters()[0] ?? redis)).maxmemoryBytes]) } =
        bounds;
      const mostUpdates = levelOf(
        there.map(({ updates }) => updates),
        bounds.keepUpdates,
      );
      const mostBytes = levelOf(
        there.map(({ bytes }) => bytes),
        keepBytes,
      );
      await Promise.all(there.map((stream) => this.#trimTo(stream, mostUpdates, mostBytes)));
    }
    if (fault !== undefined) {
      throw fault.reason;
    }
  }

  async #measure(key: string): Promise<Measured | undefined> {
    const { redis } = this.deps;
    const [first, last] = await Promise.all([entryFrom(redis, key, '-'), lastEntry(redis, key)]);
    if (first === undefined || last === undefined) {
      return undefined;
    }
    const bytes = (await redis.memory('USAGE', key, 'SAMPLES', SAMPLES)) ?? 0;
    return { key, first, last, bytes, updates: (last.number ?? 0) - (first.before ?? 0) };
  }

  async #trimTo({ key, first, last, updates, bytes }: Measured, mostUpdates: number, mostBytes: number): Promise<void> {
    const { redis, clock, bounds } = this.deps;
    // As many as fit, if they are as large as they are.
    const keepUpdates =
      bytes <= mostBytes ? mostUpdates : Math.min(mostUpdates, Math.floor((updates * mostBytes) / bytes));
    const oldestMs = clock.latestAt(performance.now()) - bounds.keepMs;
    const cuts = [`${Math.max(0, oldestMs)}-0`, await this.#cutByUpdates(key, first, last, keepUpdates)];
    const [cut] = cuts.sort(compareIds).reverse();
    const end = cut === undefined || compareIds(cut, last.id) > 0 ? last.id : cut;
    if (compareIds(end, first.id) > 0) {
      while ((await redis.xtrim(key, 'MINID', '~', end)) > 0) {
        // by default Redis removes some thousands at a time, so that others get their turn
      }
    }
  }

  /** Where the oldest entry begins that may stay. One ms may have all of them: while Redis' clock is behind the last entry. */
  async #cutByUpdates(key: string, first: Entry, last: Entry, keepUpdates: number): Promise<string> {
    const { redis } = this.deps;
    if (last.number === undefined || first.before === undefined || last.number - first.before <= keepUpdates) {
      return first.id;
    }
    const goal = last.number - keepUpdates * (1 - SPARE);
    const mayStay = async (id: string) => ((await entryFrom(redis, key, id))?.before ?? 0) >= goal;
    const stayMs = await firstWhere(partsOf(first.id)[0], partsOf(last.id)[0] + 1n, (ms) => mayStay(`${ms}-0`));
    const [lastBefore] = await redis.xrevrange(key, String(stayMs - 1n), '-', 'COUNT', 1);
    const [goMs, sequence] = partsOf(lastBefore?.[0] ?? first.id);
    return `${goMs}-${await firstWhere(0n, sequence + 1n, (each) => mayStay(`${goMs}-${each}`))}`;
  }
}

/** The first number behind `low` where something is so; `high` when it is so of none before that. */
async function firstWhere(low: bigint, high: bigint, isSo: (at: bigint) => Promise<boolean>): Promise<bigint> {
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (await isSo(middle)) {
      high = middle;
    } else {
      low = middle;
    }
  }
  return high;
}

async function entryFrom(redis: Connection, key: string, id: string): Promise<Entry | undefined> {
  return readEntry(await redis.xrange(key, id, '+', 'COUNT', 1));
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
  return { id, number: told?.number, before: told && told.number - told.updates };
}
