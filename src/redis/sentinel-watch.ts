import type { Redis } from 'ioredis';
import { GuardedRedis } from './guard-streams.js';
import { reachableAddress } from './nat-map.js';
import { accessToSentinels } from './sentinels.js';
import type { ServerOptions } from './target.js';

/** A failover takes seconds, and each look is one small command to each Sentinel. */
const LOOK_EVERY_MS = 500;

/** A Sentinel that says nothing for so long is unreachable. */
const ANSWER_TIMEOUT_MS = 2_000;

const RETRY_MS = 1_000;

/**
 * Watches what the Sentinels that a target names say of its master, and tells when one of them names another than before.
 *
 * Without it, a connection learns of a failover from its server alone. A master that was frozen, or that an operator has
 * replaced, says nothing or goes on as a master for seconds, and what is written there is lost. All Sentinels are asked, since
 * they learn of a failover one after the other.
 */
export class SentinelWatch {
  readonly #sentinels: Redis[];
  readonly #named = new Map<Redis, string>();
  readonly #looking: NodeJS.Timeout;

  /** @param onMaster gets the address, `host:port`, that a Sentinel names in place of another one */
  constructor(
    private readonly target: ServerOptions,
    private readonly onMaster: (address: string) => void,
  ) {
    this.#sentinels = (target.sentinels ?? []).map(({ host = '127.0.0.1', port = 26_379 }) => {
      const sentinel = new GuardedRedis({
        ...accessToSentinels(target),
        host,
        port,
        connectionName: 'tally-sentinel-watch',
        enableReadyCheck: false,
        connectTimeout: ANSWER_TIMEOUT_MS,
        commandTimeout: ANSWER_TIMEOUT_MS,
        retryStrategy: () => RETRY_MS,
      });
      sentinel.on('error', () => undefined); // one that is unreachable says nothing; why, is told of the connection to the master
      return sentinel;
    });
    this.#looking = setInterval(() => {
      for (const sentinel of this.#sentinels) {
        void this.#look(sentinel);
      }
    }, LOOK_EVERY_MS);
    this.#looking.unref();
  }

  close(): void {
    clearInterval(this.#looking);
    for (const sentinel of this.#sentinels) {
      sentinel.disconnect();
    }
  }

  async #look(sentinel: Redis): Promise<void> {
    if (sentinel.status !== 'ready') {
      return;
    }
    const { name = '', natMap } = this.target;
    const found = await sentinel
      .call('SENTINEL', 'get-master-addr-by-name', name)
      .then((reply) => reply as [string, string] | null)
      .catch(() => null);
    if (found === null) {
      return;
    }
    const address = found.join(':');
    const before = this.#named.get(sentinel);
    this.#named.set(sentinel, address);
    if (before !== undefined && before !== address) {
      this.onMaster(reachableAddress(address, natMap));
    }
  }
}
