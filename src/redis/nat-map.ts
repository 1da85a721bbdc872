import type { ClusterOptions } from 'ioredis';

/** Where servers are reached that know each other by other addresses, as `host:port`: behind NAT, or in containers. */
export type NatMap = ClusterOptions['natMap'];

/** What a map says of an address; null when nothing. */
export function mapAddress(address: string, natMap: NatMap): { host: string; port: number } | null {
  return (typeof natMap === 'function' ? natMap(address) : natMap?.[address]) ?? null;
}

/** Where a server is reached, as `host:port`, whose like know it by this address. */
export function reachableAddress(address: string, natMap: NatMap): string {
  const mapped = mapAddress(address, natMap);
  return mapped === null ? address : `${mapped.host}:${mapped.port}`;
}
