import type { Redis } from 'ioredis';
import type { Connection } from './connection.js';
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

  /**
   * Confirms what was written to the masters of these slots, all of it before this call.
   *
   * @param disconnectsBefore the connection's disconnects before the writing: a new connection, to another master perhaps, speaks for
   * what that one has, and not for what was written to the old one
   * @throws NotReplicatedError when it is not confirmed in time
   */
  async confirm(slots: Iterable<Slot>, disconnectsBefore: number): Promise<void> {
    const masters = new Set([...slots].map((slot) => this.redis.masterOf(slot)));
    await Promise.all([...masters].map((master) => this.#join(master)));
    if (this.redis.disconnects !== disconnectsBefore) {
      throw new NotReplicatedError(
        'NOT_REPLICATED the connection was lost before replicas had confirmed what was written',
      );
    }
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
