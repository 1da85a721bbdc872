import { test } from 'vitest';
import type { RedisTarget } from '../../src/redis/target.js';
import { expectAllApply } from '../support/applies-with.js';
import { ownedNames, passedNames, SAMPLES } from '../support/ioredis-samples.js';
import { ownRedis } from '../support/tally.js';

/** They say where a server is and whom it lets in, or are of Sentinels: see test/cluster/ioredis-options.test.ts. */
const PLACE = new Set(['host', 'port', 'path', 'tls', 'username', 'password', 'Connector', 'sentinels', 'name']);

test('with each option of ioredis that is taken a worker and a producer apply an update', async () => {
  const redis = await ownRedis();
  const { hostname: host, port } = new URL(redis.url);
  const names = [...passedNames('redis'), ...ownedNames('redis')].filter((name) => !PLACE.has(name));
  const targets = names.map((name) => [name, { host, port: Number(port), [name]: SAMPLES[name] }] as const);
  await expectAllApply(redis.url, new Map<string, RedisTarget>(targets));
}, 90_000);

test('by a socket in the file system too', async () => {
  const path = `/tmp/tally-test-${process.pid}-${Date.now()}.sock`;
  const redis = await ownRedis(['--unixsocket', path]);
  await expectAllApply(redis.url, new Map([['path', { path }]]));
});
