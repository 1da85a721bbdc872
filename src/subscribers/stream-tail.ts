import type { Redis } from 'ioredis';
import type { ToldStream } from '../jobs/told-streams.js';
import { ClusterConnection } from '../redis/cluster-connection.js';
import { endConnection } from '../redis/end-connection.js';
import type { Connection } from '../redis/connection.js';
import type { ServerConnection } from '../redis/server-connection.js';
import { NO_SLOT } from '../redis/slots.js';
import type { ServerOptions } from '../redis/target.js';
import { compareIds } from '../redis/stream-ids.js';

/** A blocking read; it ends sooner when the stream grows. Shorter than any time limit of commands. */
const BLOCK_MS = 1_000;

/** After an error, before it is tried again: while Redis is away, ioredis itself waits. */
const RETRY_MS = 200;

interface Waiter {
  readonly after: string;
  readonly end: (isMore: boolean) => void;
}

/** Tells those who wait that a stream goes on behind an entry: many of them, over one connection. */
export class StreamTail {
  readonly #waiters = new Set<Waiter>();
  #connection: Redis | undefined;
  #isReading = false;
  #closed = false;
  /** The latest entry that is known to have been there. */
  #latest = '0-0';

  constructor(
    private readonly redis: Connection,
    private readonly stream: Pick<ToldStream, 'slot' | 'key'>,
  ) {}

  /** @returns false when nothing came behind the entry within `waitMs`, or the signal was given */
  untilBehind(after: string, waitMs: number, signal?: AbortSignal): Promise<boolean> {
    if (this.#closed || signal?.aborted === true) {
      return Promise.resolve(false);
    }
    return new Promise((resolve) => {
      const stop = () => {
        waiter.end(false);
      };
      const timer = setTimeout(stop, waitMs);
      const waiter: Waiter = {
        after,
        end: (isMore) => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', stop);
          this.#waiters.delete(waiter);
          resolve(isMore);
        },
      };
      signal?.addEventListener('abort', stop);
      this.#waiters.add(waiter);
      if (isBefore(after, this.#latest)) {
        this.#latest = '0-0'; // once by memory: it may be there no more, as after a failover, and would wake whoever waits for good
        waiter.end(true);
      }
      void this.#read();
    });
  }

  close(): void {
    this.#closed = true;
    for (const { end } of this.#waiters) {
      end(false);
    }
    if (this.#connection) {
      endConnection(this.#connection);
    }
  }

  /** Those before the latest entry. */
  #wake(): void {
    for (const { after, end } of this.#waiters) {
      if (isBefore(after, this.#latest)) {
        end(true);
      }
    }
  }

  async #read(): Promise<void> {
    if (this.#isReading) {
      return;
    }
    this.#isReading = true;
    while (this.#waiters.size > 0) {
      try {
        await this.#readOnce();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS)); // those who wait read for themselves, and hear why
      }
    }
    this.#isReading = false;
  }

  /** One that waits, whatever the time limit of the other one. */
  #open(): Redis {
    const patient = { maxRetriesPerRequest: null, commandTimeout: undefined } as Partial<ServerOptions>;
    const { redis } = this;
    if (redis instanceof ClusterConnection && this.stream.slot !== NO_SLOT) {
      const options = { redisOptions: { ...redis.options.redisOptions, ...patient } };
      return redis.forSlot(this.stream.slot).duplicate([], options as never) as unknown as Redis; // see there
    }
    return (redis as ServerConnection).duplicate(patient);
  }

  async #readOnce(): Promise<void> {
    const connection = (this.#connection ??= this.#open());
    const first = [...this.#waiters]
      .map(({ after }) => after)
      .reduce((one, other) => (isBefore(one, other) ? one : other));
    const answer = await connection.xread('COUNT', 1, 'BLOCK', BLOCK_MS, 'STREAMS', this.stream.key, first);
    const id = answer?.[0]?.[1].at(-1)?.[0];
    if (id !== undefined && isBefore(this.#latest, id)) {
      this.#latest = id;
    }
    this.#wake();
  }
}

function isBefore(one: string, other: string): boolean {
  return compareIds(one, other) < 0;
}
