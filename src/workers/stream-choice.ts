import type { Redis } from 'ioredis';
import { ANNOUNCE_EVERY_MS } from '../jobs/told-streams.js';
import type { Store } from '../layout/store.js';
import type { ClusterConnection } from '../redis/cluster-connection.js';
import { NO_SLOT, SLOTS } from '../redis/slots.js';
import type { Slot } from '../redis/slots.js';
import { NoMasterError } from './failures.js';

/** How long a stream is left alone whose slot is on its way to another master. */
const AVOID_MS = 10_000;

/** To look at all slots for each call would cost more than the call. */
const CHOOSE_EVERY_MS = 1_000;

/** Of 16,384 = 2^14. */
const BITS = 14;

interface Choice {
  readonly master: Redis;
  readonly slot: number;
  readonly key: string;
}

/**
 * Chooses the stream in which a master of a Cluster tells outcomes: that in the first of its slots, in an order that is the same
 * for all workers, so that all choose the same, and which goes back and forth over all slots, so that a few streams do however
 * slots are spread over masters.
 */
export class StreamChoice {
  readonly #announcedAtMs = new Map<number, number>();
  #chosen = new WeakMap<Redis, number>();
  #finder: ((slot: Slot) => Redis | undefined) | undefined;
  #foundAtMs = -Infinity;
  readonly #announcing = new Map<number, Promise<unknown>>();
  readonly #avoidUntilMs = new Map<number, number>();

  constructor(private readonly deps: Pick<Store, 'keys' | 'clock'> & { readonly redis: ClusterConnection }) {}

  /**
   * The stream of the master that serves a slot, by what is known. It is announced.
   *
   * @throws NoMasterError when no master is known
   */
  async forSlot(slot: Slot): Promise<Choice> {
    const { keys } = this.deps;
    const nowMs = performance.now();
    const masterOf = this.#masterFinder(nowMs);
    const master = masterOf(slot);
    if (slot === NO_SLOT || master === undefined) {
      throw new NoMasterError(`slot ${slot} has no master that is known`);
    }
    let chosen = this.#chosen.get(master);
    if (chosen === undefined || masterOf(chosen) !== master) {
      chosen = this.#choose(master, masterOf, nowMs) ?? slot;
      this.#chosen.set(master, chosen);
    }
    await this.#announce(chosen, nowMs);
    return { master, slot: chosen, key: keys.outcomesIn(chosen) };
  }

  /** After a master has said that it does not hold a stream: it has another one until that has moved. */
  avoid(slot: number): void {
    this.#avoidUntilMs.set(slot, performance.now() + AVOID_MS);
    this.lookAgain();
  }

  /** After a call has failed: which masters there are, and of which slots, may be known better by now. */
  lookAgain(): void {
    this.#finder = undefined;
  }

  #choose(master: Redis, masterOf: (slot: Slot) => Redis | undefined, nowMs: number): number | undefined {
    for (let place = 0; place < SLOTS; place += 1) {
      const slot = reverseBits(place);
      if (masterOf(slot) === master && (this.#avoidUntilMs.get(slot) ?? 0) <= nowMs) {
        return slot;
      }
    }
    return undefined;
  }

  /** Which masters there are is asked anew every second, and what was chosen is chosen again: a slot may have come back. */
  #masterFinder(nowMs: number): (slot: Slot) => Redis | undefined {
    if (this.#finder === undefined || nowMs > this.#foundAtMs + CHOOSE_EVERY_MS) {
      this.#finder = this.deps.redis.masterFinder();
      this.#foundAtMs = nowMs;
      this.#chosen = new WeakMap();
    }
    return this.#finder;
  }

  async #announce(slot: number, nowMs: number): Promise<void> {
    const announcedAtMs = this.#announcedAtMs.get(slot);
    if (announcedAtMs !== undefined && nowMs - announcedAtMs < ANNOUNCE_EVERY_MS) {
      return;
    }
    const announcing = this.#announcing.get(slot) ?? this.#announceNow(slot, nowMs);
    await (announcedAtMs === undefined ? announcing : undefined); // later it only says that the stream is in use
  }

  #announceNow(slot: number, nowMs: number): Promise<unknown> {
    const { redis, keys, clock } = this.deps;
    const announcing = redis
      .zadd(keys.outcomeStreams, 'GT', clock.latestAt(nowMs), slot)
      .catch((error: unknown) => this.#requireAnnounced(slot, error))
      .then(() => this.#announcedAtMs.set(slot, nowMs))
      .finally(() => this.#announcing.delete(slot));
    this.#announcing.set(slot, announcing);
    announcing.catch(() => undefined); // it is tried again by the next who needs it
    return announcing;
  }

  /** Readers follow for good what was announced once: a master that is full keeps nobody from telling. @throws the error else */
  async #requireAnnounced(slot: number, error: unknown): Promise<void> {
    const { redis, keys } = this.deps;
    const announcedAt = await redis.zscore(keys.outcomeStreams, String(slot)).catch(() => null);
    if (announcedAt === null) {
      throw error;
    }
  }
}

/** 0, 8192, 4096, 12288, 2048, ...: the first n of them divide all slots into about equal parts. */
function reverseBits(place: number): number {
  let reversed = 0;
  for (let bit = 0; bit < BITS; bit += 1) {
    reversed |= ((place >> bit) & 1) << (BITS - 1 - bit);
  }
  return reversed;
}
