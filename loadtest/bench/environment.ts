import { availableParallelism, cpus } from 'node:os';
import { Redis } from 'ioredis';
import { parseInfo } from '../../src/redis/server-facts.js';

/** What figures were measured on: they say nothing without. */
export interface Environment {
  readonly node: string;
  /** Of all processes, whatever their side: those that the benchmark itself was started with. */
  readonly nodeFlags: readonly string[];
  readonly cores: number;
  readonly processor: string;
  /** Version; left out for a Cluster. */
  readonly redis?: string;
}

export function readEnvironment(): Environment {
  return {
    node: process.version,
    nodeFlags: process.execArgv,
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
  };
}

export async function redisVersion(url: string): Promise<string> {
  const redis = new Redis(url);
  const info = parseInfo(await redis.info('server'));
  redis.disconnect();
  return info.get('valkey_version') ?? info.get('redis_version') ?? 'unknown';
}

export function environmentLine({ node, nodeFlags, cores, processor, redis }: Environment): string {
  const flags = nodeFlags.length === 0 ? 'without flags' : `with ${nodeFlags.join(' ')}`;
  const server = redis === undefined ? '' : `; Redis ${redis}, append-only file on`;
  return `Node ${node}, all sides ${flags}${server}; ${cores} cores, ${processor}`;
}
