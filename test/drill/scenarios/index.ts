import { deadSubscriber } from './dead-subscriber.js';
import { lostRedis } from './lost-redis.js';
import { poisonedKeys } from './poisoned-keys.js';
import { pausedQueue, rateLimit } from './queues.js';
import { clockOff, fullMemory, noReplicas } from './redis.js';
import type { Scenario } from './scenario.js';
import { foreignWorker, noWorker } from './workers.js';

/** In this order: the last one leaves nothing to compare with. */
export const SCENARIOS: readonly Scenario[] = [
  ...[noWorker, noReplicas, fullMemory, poisonedKeys, rateLimit],
  ...[pausedQueue, foreignWorker, deadSubscriber, clockOff, lostRedis],
];
