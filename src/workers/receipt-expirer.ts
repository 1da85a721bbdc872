import type { Logger } from 'pino';
import type { Connection } from '../redis/connection.js';
import { crossSlotScript, valuesOf } from '../redis/cross-slot-scripts.js';
import type { CrossSlotScripts } from '../redis/cross-slot-scripts.js';
import type { JobName, Keys } from '../redis/keys.js';
import { luaSource } from '../redis/lua-source.js';
import { NotReplicatedError, ReplicaConfirmation } from '../redis/replicas.js';
import type { Before } from '../redis/replicas.js';
import { createScript } from '../redis/scripts.js';
import { tagOf } from '../redis/slots.js';
import type { Slot } from '../redis/slots.js';

const EXPIRE = crossSlotScript(createScript('expire receipts', luaSource('expire-receipts')));

/** `appendfsync everysec` writes to the disk within two seconds. */
const UNTIL_ON_DISK_MS = 2_500;

/**
 * Time to live of a receipt whose mark no replica has confirmed: long after such a replica would be too old to take over by itself.
 */
const UNCONFIRMED_MS = 24 * 3600 * 1000;

/** It was written long before, and jobs wait behind the question. */
const CONFIRM_TIMEOUT_MS = 50;

const KNOWLEDGE_LIFE_MS = 30_000;
const LOOK_EVERY_MS = 500;
const MAX_RECEIPTS = 1_000_000;

/** So that jobs and locks need not wait behind all of them. */
const AT_ONCE = 1_000;

/** A job, and in which slots it has receipts. */
interface JobReceipts {
  readonly name: JobName;
  readonly slots: readonly Slot[];
}

/** Jobs that were marked as settled at the same time, in one slot. */
interface Marked {
  readonly atMs: number;
  readonly slot: number;
  readonly jobs: readonly JobReceipts[];
  /** How many receipts they have. */
  readonly receipts: number;
  readonly before: Before;
}

/** Where a receipt is. */
interface Receipt {
  readonly name: JobName;
  readonly slot: Slot;
}

/**
 * Expires receipts that lie on other masters than their jobs.
 *
 * A master that dies may forget that a job was completed and marked. If its receipts on other masters were gone by the
 * time that the job runs again, it would take effect twice. So they expire only when the mark is safe: on the disk, and
 * on a replica if the Cluster has any; and less while no replica answers.
 */
export class ReceiptExpirer {
  readonly #confirmation: ReplicaConfirmation;
  /** By slot. */
  readonly #knowledge = new Map<number, { mayForget: boolean; atMs: number }>();
  #marked: Marked[] = [];
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;
  #expiring: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(
    private readonly deps: {
      readonly redis: Connection;
      readonly keys: Pick<Keys, 'jobReceipt' | 'inAnySlot'>;
      readonly crossSlot: CrossSlotScripts;
      readonly settledReceiptMs: number;
      readonly logger: Logger;
    },
  ) {
    this.#confirmation = new ReplicaConfirmation(deps.redis, {
      replicasToConfirm: 1,
      confirmOnDisk: false,
      timeoutMs: CONFIRM_TIMEOUT_MS,
    });
  }

  /** @param slot that of the marks */
  add(slot: number, jobs: readonly JobReceipts[]): void {
    const receipts = jobs.reduce((sum, { slots }) => sum + slots.length, 0);
    if (receipts === 0) {
      return;
    }
    if (this.#waiting + receipts > MAX_RECEIPTS) {
      this.deps.logger.warn({ receipts }, 'too many receipts wait to be shortened; these stay for 400 days');
      return;
    }
    this.#waiting += receipts;
    this.#marked.push({ atMs: performance.now(), slot, jobs, receipts, before: this.#confirmation.before([slot]) });
    this.#timer ??= setTimeout(() => void this.#look(), LOOK_EVERY_MS);
  }

  /** Resolves when all receipts that were added have an expiry, or could not get one. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    const [last] = this.#marked.slice(-1);
    if (last !== undefined) {
      await new Promise((resolve) => {
        this.#timer = setTimeout(resolve, last.atMs + UNTIL_ON_DISK_MS - performance.now());
      });
    }
    await this.#look();
    clearTimeout(this.#timer);
  }

  /** Sets no more timers. What is left keeps its receipt for 400 days. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #look(): Promise<void> {
    this.#expiring = this.#expiring.then(() => this.#expireAllSafe());
    return this.#expiring;
  }

  async #expireAllSafe(): Promise<void> {
    const safeAtMs = performance.now() - UNTIL_ON_DISK_MS;
    const due = this.#marked.filter(({ atMs }) => atMs <= safeAtMs);
    this.#marked = this.#marked.filter(({ atMs }) => atMs > safeAtMs);
    for (const marked of due) {
      try {
        await this.#expire(marked);
        this.#waiting -= marked.receipts;
      } catch (error) {
        this.#marked.push({ ...marked, atMs: performance.now() });
        this.deps.logger.debug({ err: error, receipts: marked.receipts }, 'could not expire receipts, trying again');
      }
    }
    this.#timer =
      this.#marked.length === 0 || this.#ended ? undefined : setTimeout(() => void this.#look(), LOOK_EVERY_MS);
  }

  async #expire({ slot, jobs, before }: Marked): Promise<void> {
    const { settledReceiptMs } = this.deps;
    const isSafe = !(await this.#mayForget(slot)) || (await this.#isOnReplica(before));
    const seconds = Math.ceil((isSafe ? settledReceiptMs : Math.max(UNCONFIRMED_MS, settledReceiptMs)) / 1000);
    const receipts = jobs.flatMap(({ name, slots }) => slots.map((ofReceipt) => ({ name, slot: ofReceipt })));
    for (let first = 0; first < receipts.length; first += AT_ONCE) {
      await this.#expireReceipts(receipts.slice(first, first + AT_ONCE), seconds);
    }
  }

  /** By one call for each master that takes such; those of a call that fails, and of others, one by one. */
  async #expireReceipts(receipts: readonly Receipt[], seconds: number): Promise<void> {
    const { redis, keys, crossSlot } = this.deps;
    const results = await crossSlot.askAll(receipts, {
      together: async (master, ofMaster) => {
        const [{ name, slot }] = ofMaster;
        await crossSlot.run(master, EXPIRE, keys.jobReceipt(name, slot), [seconds, ...this.#namesOf(ofMaster)]);
        return ofMaster.map(() => undefined);
      },
      alone: async ({ name, slot }) => {
        await redis.expire(keys.jobReceipt(name, slot), seconds);
        return undefined;
      },
    });
    valuesOf(results);
  }

  /** As the script has them: of each job what stands before and after the hash tags of its receipts, and these. */
  #namesOf(receipts: readonly Receipt[]): string[] {
    const tagsOf = new Map<JobName, string[]>();
    for (const { name, slot } of receipts) {
      const tags = tagsOf.get(name) ?? [];
      tagsOf.set(name, tags);
      tags.push(tagOf(slot));
    }
    return [...tagsOf].flatMap(([name, tags]) => [...this.deps.keys.inAnySlot(name).receipt, tags.join(',')]);
  }

  /** Asked now and then: replicas come and go seldom. */
  async #mayForget(slot: number): Promise<boolean> {
    const known = this.#knowledge.get(slot);
    if (known !== undefined && performance.now() - known.atMs < KNOWLEDGE_LIFE_MS) {
      return known.mayForget;
    }
    const mayForget = await this.deps.redis.mayForget(slot);
    this.#knowledge.set(slot, { mayForget, atMs: performance.now() });
    return mayForget;
  }

  async #isOnReplica(before: Before): Promise<boolean> {
    try {
      await this.#confirmation.confirm(before);
      return true;
    } catch (error) {
      if (error instanceof NotReplicatedError) {
        return false;
      }
      throw error;
    }
  }
}
