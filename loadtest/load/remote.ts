import { ConfigurationError } from '../../src/errors.js';
import { isLoopbackAddress, isLoopbackHost } from '../../src/web/loopback.js';
import type { Connection } from '../../src/redis/connection.js';
import { describeTarget, readTarget } from '../../src/redis/target.js';
import type { RedisTarget } from '../../src/redis/target.js';

/** @throws ConfigurationError when an API is on another machine: a load there may be somebody's outage */
export function requireApiHere(origin: string): void {
  requireHere([new URL(origin).hostname], origin);
}

/** @throws ConfigurationError when one of the nodes that are named is on another machine */
export function requireRedisHere(redis: RedisTarget): void {
  const options = readTarget(redis);
  const named = options.nodes ?? options.sentinels ?? [options];
  requireHere(
    named.map(({ host = '127.0.0.1' }) => host),
    describeTarget(redis),
  );
}

/** @throws ConfigurationError when a Cluster or a Sentinel of this machine leads to a master on another one */
export function requireMastersHere(redis: Connection): void {
  const hosts = redis
    .masters()
    .map(({ options, stream }) => (redis.isCluster ? options.host : stream.remoteAddress) ?? '127.0.0.1');
  requireHere(hosts, redis.address);
}

/** Whether nodes that a URL names are on other machines. @param url of an API, or as `describeTarget` shows it */
export function isElsewhere(url: string): boolean {
  const [, hosts = ''] = /^[^:]+:\/\/(?:[^/?@]*@)?([^/?]*)/.exec(url) ?? [];
  return hosts !== '' && !isHere(hosts.split(','));
}

function requireHere(hosts: readonly string[], shown: string): void {
  if (!isHere(hosts)) {
    throw new ConfigurationError(
      `${shown} is on another machine, and this load may slow down whoever uses it: add --allow-remote if that is meant`,
    );
  }
}

function isHere(hosts: readonly string[]): boolean {
  return hosts.every((host) => isLoopbackHost(host) || isLoopbackAddress(host));
}
