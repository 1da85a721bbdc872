import { Cluster, Redis } from 'ioredis';
import { inject, onTestFinished } from 'vitest';
import { createRegistry } from '../../src/operations/registry.js';
import type { Connection, RedisClient } from '../../src/redis/connection.js';
import { applyScript } from '../../src/operations/apply-script.js';
import { isCluster } from '../../src/redis/target.js';

/**
 * Does something once in this process, right after Redis has answered the script that applies a job and before the worker hears
 * of it.
 *
 * @param sha of the script. @defaultValue that of the built-in operations
 * @param client by which it is run. @defaultValue that of the server, or Cluster, of the tests
 */
export function afterApplying(
  action: (worker: Connection) => Promise<unknown>,
  sha: string = applyScript(createRegistry()).sha,
  client: typeof Redis | typeof Cluster = isCluster(inject('redisUrl')) ? Cluster : Redis,
): void {
  const { prototype } = client;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its object below
  const evalsha = prototype.evalsha as (this: RedisClient, ...args: unknown[]) => Promise<unknown>;
  let done = false;
  prototype.evalsha = async function (this: RedisClient, ...args: unknown[]) {
    const answer = await evalsha.apply(this, args);
    if (args[0] === sha && !done) {
      done = true;
      await action(this as Connection);
    }
    return answer;
  };
  onTestFinished(() => {
    prototype.evalsha = evalsha;
  });
}
