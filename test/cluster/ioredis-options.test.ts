import { onTestFinished, test } from 'vitest';
import { readTarget } from '../../src/redis/target.js';
import type { RedisTarget } from '../../src/redis/target.js';
import { expectAllApply } from '../support/applies-with.js';
import { ownedNames, passedNames, SAMPLES } from '../support/ioredis-samples.js';
import { startCluster } from '../support/topology/cluster.js';
import { startSentinel } from '../support/topology/sentinel.js';

/** They say where servers are and whom they let in. */
const PLACE = new Set([
  ...['host', 'port', 'path', 'tls', 'username', 'password', 'Connector', 'sentinels', 'name', 'nodes', 'redisOptions'],
  ...['sentinelUsername', 'sentinelPassword', 'sentinelTLS', 'enableTLSForSentinelMode'],
]);

/** On a Cluster a worker has connections to each node, and closes slowly: so these are not all tried at once. */
const AT_ONCE = 8;

const isTried = (name: string) => !PLACE.has(name);

test('with each option of Sentinel that is taken a worker and a producer apply an update', async () => {
  const set = await startSentinel();
  onTestFinished(() => set.stop());
  const target = readTarget(set.url) as object;
  const names = [...passedNames('redis'), ...ownedNames('redis')].filter(isTried);
  await inTurns(set.url, names, (name) => ({ ...target, [name]: SAMPLES[name] }));
}, 240_000);

test('with each option of a Cluster that is taken a worker and a producer apply an update', async () => {
  const cluster = await startCluster({ replicasPerMaster: 0 });
  onTestFinished(() => cluster.stop());
  const nodes = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  const ofCluster = [...passedNames('redis of a Cluster'), ...ownedNames('redis of a Cluster')].filter(isTried);
  const ofNodes = [...passedNames('redis.redisOptions'), ...ownedNames('redis.redisOptions')].filter(isTried);
  await inTurns(cluster.url, ofCluster, (name) => ({ nodes, [name]: SAMPLES[name] }));
  await inTurns(cluster.url, ofNodes, (name) => ({ nodes, redisOptions: { [name]: SAMPLES[name] } }));
}, 480_000);

async function inTurns(redis: string, names: readonly string[], targetOf: (name: string) => RedisTarget) {
  for (let at = 0; at < names.length; at += AT_ONCE) {
    await expectAllApply(redis, new Map(names.slice(at, at + AT_ONCE).map((name) => [name, targetOf(name)])));
  }
}
