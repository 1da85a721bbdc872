import type { Logger } from 'pino';
import type { Connection } from '../redis/connection.js';
import { ReplicaConfirmation } from '../redis/replicas.js';

/** `appendfsync everysec` writes to the disk within two seconds. */
const UNTIL_ON_DISK_MS = 2_500;

const LOOK_EVERY_MS = 500;
const MAX_RECEIPTS = 1_000_000;

/** Receipts of jobs that were marked as settled at the same time, in one slot. */
interface Marked {
  readonly atMs: number;
  readonly slot: number;
  readonly receipts: readonly string[];
}

/**
 * Cuts the life of receipts that lie on other masters than their jobs.
 *
 * A master that dies may forget that a job was completed and marked. If its receipts on other masters were gone by the
 * time that the job runs again, it would take effect twice. So they are cut only when the mark is safe: on the disk, and
 * on a replica where there is one that could take over.
 */
export class ReceiptCutter {
  readonly #confirmation: ReplicaConfirmation;
  #marked: Marked[] = [];
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;
  #cutting: Promise<void> = Promise.resolve();

  constructor(private readonly deps: { redis: Connection; settledReceiptMs: number; logger: Logger }) {
    this.#confirmation = new ReplicaConfirmation(deps.redis, { replicasToConfirm: 1, confirmOnDisk: false });
  }

  /** @param slot that of the marks */
  add(slot: number, receipts: readonly string[]): void {
    if (this.#waiting + receipts.length > MAX_RECEIPTS) {
      this.deps.logger.warn({ receipts: receipts.length }, 'too many receipts wait to be cut; these stay for 30 days');
      return;
    }
    this.#waiting += receipts.length;
    this.#marked.push({ atMs: performance.now(), slot, receipts });
    this.#timer ??= setTimeout(() => void this.#look(), LOOK_EVERY_MS);
  }

  /** Resolves when all receipts that were added are cut, or could not be. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    const [last] = this.#marked.slice(-1);
    if (last !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, last.atMs + UNTIL_ON_DISK_MS - performance.now()));
    }
    await this.#look();
    clearTimeout(this.#timer);
  }

  #look(): Promise<void> {
    this.#cutting = this.#cutting.then(() => this.#cutAllSafe());
    return this.#cutting;
  }

  async #cutAllSafe(): Promise<void> {
    const safeAtMs = performance.now() - UNTIL_ON_DISK_MS;
    const due = this.#marked.filter(({ atMs }) => atMs <= safeAtMs);
    this.#marked = this.#marked.filter(({ atMs }) => atMs > safeAtMs);
    for (const marked of due) {
      try {
        await this.#cut(marked);
        this.#waiting -= marked.receipts.length;
      } catch (error) {
        this.#marked.push({ ...marked, atMs: performance.now() });
        this.deps.logger.debug(
          { err: error, receipts: marked.receipts.length },
          'could not cut receipts, trying again',
        );
      }
    }
    this.#timer = this.#marked.length === 0 ? undefined : setTimeout(() => void this.#look(), LOOK_EVERY_MS);
  }

  async #cut({ slot, receipts }: Marked): Promise<void> {
    const { redis, settledReceiptMs } = this.deps;
    if (redis.hasReplicas(slot)) {
      await this.#confirmation.confirm([slot]);
    }
    const seconds = Math.ceil(settledReceiptMs / 1000);
    await Promise.all(receipts.map((receipt) => redis.expire(receipt, seconds)));
  }
}
