import type { Redis } from 'ioredis';
import { GuardedRedis } from '../../src/redis/guard-streams.js';
import { readTarget } from '../../src/redis/target.js';
import type { RedisTarget, ServerOptions } from '../../src/redis/target.js';

/** A connection as a service without Tally has it, to one server or by Sentinel. It connects again by itself. */
export function connectPlainly(target: RedisTarget, options: ServerOptions): Redis {
  const server = readTarget(target);
  if (server.nodes !== undefined) {
    throw new TypeError('the plain side knows no Cluster');
  }
  return new GuardedRedis({ ...server, ...options });
}
