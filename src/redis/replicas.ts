import type { Redis } from 'ioredis';
import { touchAnnounced } from './announced.js';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';
import type { Slot } from './slots.js';

/** A write is on fewer replicas, or disks, than it has to be. It is not undone. */
export class NotReplicatedError extends Error {
  override readonly name = 'NotReplicatedError';
}

/** What a write has to reach before it counts. */
export interface Durability {
  /** Replicas of the master that must have it. */
  readonly replicasToConfirm: number;
  /** Whether it must be on the disks of the master and these replicas, by their append-only files. */
  readonly confirmOnDisk: boolean;
  /** How long to wait for it, in ms. @defaultValue 1,000, and 2,500 for disks: enough when busy, and less than any lock */
  readonly timeoutMs?: number;
}

/** Where a connection stood before something was written, or read. */
export interface Before {
  /** How often the connection had been lost. */
  readonly disconnects: number;
  /** Who was the master of each slot. */
  readonly masters: ReadonlyMap<Slot, Redis | undefined>;
}

/** The calls of one connection to a master. */
interface Line {
  last: Promise<void>;
  /** The one that has not been sent yet. */
  next: Promise<void> | undefined;
}

const REPLICA_TIMEOUT_MS = 1_000;

/** With `appendfsync everysec` a write is on the disk within two seconds, and a replica tells of its own once a second. */
const DISK_TIMEOUT_MS = 2_500;

/**
 * Waits until what this connection has written is on replicas, by WAIT, or on disks, by WAITAOF. Both speak for all that
 * the connection wrote before, so one call under way and one to follow do for all who ask. Commands behind it wait as well.
 */
export class ReplicaConfirmation {
  readonly #lines = new WeakMap<Redis, Line>();

  constructor(
    private readonly redis: Connection,
    private readonly durability: Durability,
  ) {}

  /** Whether there is anything to wait for. */
  get isNeeded(): boolean {
    return this.durability.replicasToConfirm > 0 || this.durability.confirmOnDisk;
  }

  /** To be asked for before something is written to these slots, or read there. */
  before(slots: Iterable<Slot>): Before {
    const masters = new Map([...slots].map((slot) => [slot, this.redis.masterOf(slot)]));
    return { disconnects: this.redis.disconnects, masters };
  }

  /**
   * Confirms what this connection has written to the masters of these slots, all of it before this call.
   *
   * @param before as it was before the writing: a new connection, or another master, speaks for what that one has, and not for
   * what was written to the old one
   * @throws NotReplicatedError when it is not confirmed in time
   */
  async confirm(before: Before): Promise<void> {
    await Promise.all([...new Set(before.masters.values())].map((master) => this.#join(master)));
    const hasMoved = [...before.masters].some(([slot, master]) => this.redis.masterOf(slot) !== master);
    if (hasMoved || this.redis.disconnects !== before.disconnects) {
      const what = hasMoved ? 'another master took over' : 'the connection was lost';
      throw new NotReplicatedError(`NOT_REPLICATED ${what} before replicas had confirmed what was written`);
    }
  }

  /**
   * Confirms what was read in these slots, whoever wrote it and whether that was confirmed or not. WAIT speaks for what its own
   * connection wrote (up to Redis 7.0 for all before it): so a little is written there first.
   *
   * @param before as it was before the reading
   * @throws NotReplicatedError when it is not confirmed in time, or Redis takes no writes, as when it is full
   */
  async confirmRead(before: Before, keys: Pick<Keys, 'announced'>): Promise<void> {
    const touching = [...before.masters.keys()].map((slot) => touchAnnounced(this.redis, keys.announced(slot)));
    await Promise.all(touching).catch((error: unknown) => {
      throw new NotReplicatedError(`NOT_REPLICATED ${(error as Error).message}`, { cause: error });
    });
    await this.confirm(before);
  }

  /** Joins the call that is next: the one under way was sent before what is to be confirmed now, perhaps. */
  #join(master: Redis | undefined): Promise<void> {
    if (master === undefined) {
      throw new NotReplicatedError('NOT_REPLICATED the master that was written to is not known any more');
    }
    const line: Line = this.#lines.get(master) ?? { last: Promise.resolve(), next: undefined };
    this.#lines.set(master, line);
    const afterLast = () => {
      line.next = undefined;
      return this.#ask(master);
    };
    line.next ??= line.last = line.last.then(afterLast, afterLast);
    return line.next;
  }

  async #ask(master: Redis): Promise<void> {
    const { replicasToConfirm, confirmOnDisk } = this.durability;
    const { timeoutMs = confirmOnDisk ? DISK_TIMEOUT_MS : REPLICA_TIMEOUT_MS } = this.durability;
    const requireReached = (what: string, reached: number, wanted: number) => {
      if (reached < wanted) {
        const hint = confirmOnDisk ? '; appendonly must be yes there, and appendfsync not no' : '';
        throw new Error(`what was written is on ${reached} ${what} instead of ${wanted} after ${timeoutMs} ms${hint}`);
      }
    };
    try {
      if (confirmOnDisk) {
        const [own, replicas] = (await master.call('WAITAOF', 1, replicasToConfirm, timeoutMs)) as [number, number];
        requireReached('disks of the master', own, 1);
        requireReached('disks of replicas', replicas, replicasToConfirm);
      } else {
        requireReached('replicas', await master.wait(replicasToConfirm, timeoutMs), replicasToConfirm);
      }
    } catch (error) {
      throw new NotReplicatedError(`NOT_REPLICATED ${(error as Error).message}`, { cause: error });
    }
  }
}
