import { GuardedRedis } from './guard-streams.js';
import { isNoMaster } from './master-search.js';
import type { ClusterNode, ServerOptions } from './target.js';

const FIRST_RECONNECT_DELAY_MS = 100;
const LONGEST_RECONNECT_DELAY_MS = 1_000;

/** A connection to the master of a slot, whichever it is when it connects. */
export class SlotFollower extends GuardedRedis {
  readonly #findMaster: () => ClusterNode;

  constructor(options: ServerOptions, findMaster: () => ClusterNode) {
    super({
      ...options,
      retryStrategy: (times) => Math.min(times * FIRST_RECONNECT_DELAY_MS, LONGEST_RECONNECT_DELAY_MS),
      // What was refused is sent again to the new master.
      reconnectOnError: (error) => (error.message.startsWith('MOVED ') || isNoMaster(error) ? 2 : false),
    });
    this.#findMaster = findMaster;
  }

  override connect(): Promise<void> {
    Object.assign(this.options, this.#findMaster());
    return super.connect();
  }
}
