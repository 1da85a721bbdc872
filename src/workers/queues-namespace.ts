import { ConfigurationError } from '../errors.js';
import type { RedisClient } from '../redis/connection.js';
import type { Keys, Namespace } from '../redis/keys.js';

/**
 * Makes sure that all workers of the queues under a prefix have one namespace, the first one's: receipts lie in it, so a job
 * that was applied in one namespace, and is taken over in another, would take effect twice.
 *
 * @throws ConfigurationError naming the namespace of the others
 */
export async function requireOneNamespace(
  redis: RedisClient,
  keys: Keys,
  { namespace, prefix }: Namespace,
): Promise<void> {
  let first = await redis.get(keys.queuesNamespace);
  if (first === null) {
    await redis.set(keys.queuesNamespace, namespace, 'NX').catch(allowFull);
    first = await redis.get(keys.queuesNamespace);
  }
  if (first !== null && first !== namespace) {
    throw new ConfigurationError(
      `workers of the queues under the prefix "${prefix}" have the namespace "${first}", and this one "${namespace}", so it ` +
        `would not find their receipts: set the namespace to "${first}" (TALLY_NAMESPACE), or take another prefix (TALLY_PREFIX)`,
    );
  }
}

/** A worker that makes room by doing what waits must start: the next one will write it. */
function allowFull(error: unknown): void {
  if (!(error as Error).message.startsWith('OOM')) {
    throw error;
  }
}
