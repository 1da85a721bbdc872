import type { Worker } from 'bullmq';
import type { Logger } from 'pino';
import { openQueue } from '../jobs/queues.js';
import { connectPatiently } from '../redis/connect.js';
import type { Connection } from '../redis/connection.js';
import type { RedisTarget } from '../redis/target.js';

type RenewLocks = Worker['extendJobLocks'];

/**
 * Renews the locks of running jobs over a connection of its own. What waits for replicas to confirm, by WAIT, holds up all that is
 * sent behind it on its connection, for seconds while replicas are slow: a lock would be over by then, and its job be taken
 * over by another worker as if this one were dead.
 */
export class LockRenewals {
  readonly #redis: Connection;

  constructor(
    target: RedisTarget,
    private readonly logger: Logger,
  ) {
    this.#redis = connectPatiently(target, 'tally-worker-locks', logger);
  }

  /** For the jobs of a queue, or of its part in a partition. */
  of(name: string, prefix: string): RenewLocks {
    const backend = openQueue(name, prefix, this.#redis, this.logger).getBackend();
    return (...renewal) => backend.extendLocks(...renewal);
  }

  /** Ends the connection. */
  end(): void {
    this.#redis.disconnectAll();
  }
}
