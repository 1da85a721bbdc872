import { readTold } from '../jobs/told.js';
import { KnownStreams } from '../jobs/told-streams.js';
import type { Store } from '../layout/store.js';
import type { Connection } from '../redis/connection.js';
import { readServerFacts } from '../redis/requirements.js';
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
  /** Of its id. */
  readonly atMs: number;
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
    const [first, last] = await Promise.all([entryFrom(redis, key, 0), lastEntry(redis, key)]);
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
    const cutMs = Math.min(last.atMs, Math.max(oldestMs, await this.#cutByUpdates(key, first, last, keepUpdates)));
    if (cutMs > first.atMs) {
      while ((await redis.xtrim(key, 'MINID', '~', cutMs)) > 0) {
        // by default Redis removes some thousands at a time, so that others get their turn
      }
    }
  }

  /** The time of the oldest entry that may stay. */
  async #cutByUpdates(key: string, first: Entry, last: Entry, keepUpdates: number): Promise<number> {
    const { redis } = this.deps;
    if (last.number === undefined || first.before === undefined || last.number - first.before <= keepUpdates) {
      return 0;
    }
    const goal = last.number - keepUpdates * (1 - SPARE);
    let [lowMs, highMs] = [first.atMs, last.atMs];
    while (highMs - lowMs > 1) {
      const middleMs = Math.floor((lowMs + highMs) / 2);
      const { before = 0 } = (await entryFrom(redis, key, middleMs)) ?? {};
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
