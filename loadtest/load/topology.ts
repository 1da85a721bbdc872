import { addressOf } from '../../src/redis/node-name.js';
import { readServerFacts } from '../../src/redis/server-facts.js';
import type { ServerFacts } from '../../src/redis/server-facts.js';
import { readTarget } from '../../src/redis/target.js';
import type { RedisTarget } from '../../src/redis/target.js';
import type { Store } from '../../src/layout/store.js';
import type { Topology } from './result.js';

/** The Redis under load as it is at the start, with the facts of one of its servers. */
export async function readTopology(
  { redis, layouts }: Store,
  target: RedisTarget,
): Promise<{ readonly topology: Topology; readonly facts: ServerFacts }> {
  const anyFacts = await readServerFacts(redis); // before the first answer the masters of a Cluster are not known
  const masters = redis.masters();
  const all = await Promise.all(masters.map(readServerFacts));
  const options = readTarget(target);
  const { count: partitions } = layouts.configured;
  const topology: Topology = {
    mode: redis.isCluster ? 'cluster' : 'sentinels' in options ? 'sentinel' : 'server',
    masters: redis.isCluster ? masters.map(addressOf).sort() : [],
    replicas: all.reduce((sum, { replicas }) => sum + replicas, 0),
    ...(partitions !== undefined && { partitions }),
  };
  return { topology, facts: anyFacts };
}

/** In words: `a Cluster of 3 masters with 3 replicas, queues in 8 partitions`. */
export function describeTopology({ mode, masters, replicas, partitions }: Topology): string {
  const words = {
    server: 'one server',
    sentinel: 'one server, found by Sentinel,',
    cluster: `a Cluster of ${number(masters.length, 'master')}`,
  };
  return [
    `${words[mode]}${replicas === 0 ? '' : ` with ${number(replicas, 'replica')}`}`.replace(/,$/, ''),
    partitions === undefined ? 'queues not split' : `queues in ${number(partitions, 'partition')}`,
  ].join(', ');
}

function number(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
