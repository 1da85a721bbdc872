import type { Redis } from 'ioredis';
import type { Node } from './connect-once.js';
import { parseInfo } from './server-facts.js';
import type { ClusterTarget, ServerOptions } from './target.js';

/** What one node of a Cluster says of another. */
export interface ClusterNode {
  readonly id: string;
  readonly address: string;
  readonly isMaster: boolean;
  /** Of a replica. */
  readonly masterId: string | undefined;
  readonly isDown: boolean;
  readonly slots: readonly (readonly [number, number])[];
}

/** How to reach one node of a Cluster. */
export function nodeOptions({ redisOptions }: ClusterTarget, address: string): ServerOptions {
  const colon = address.lastIndexOf(':');
  return { ...redisOptions, host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

/** All nodes of its Cluster as a node sees them. */
export async function readClusterNodes({ redis, address }: Node): Promise<ClusterNode[]> {
  const [text, endpoints] = await Promise.all([redis.cluster('NODES') as Promise<string>, readEndpoints(redis)]);
  return text
    .trim()
    .split('\n')
    .map((line) => readNode(line, address))
    .map((node) => ({ ...node, address: endpoints.get(node.id) ?? node.address }));
}

/** Where clients are to reach nodes, by their ids: that may be their names, while nodes know each other by addresses. */
async function readEndpoints(redis: Redis): Promise<Map<string, string>> {
  const ranges = await redis.cluster('SLOTS');
  const nodes = ranges.flatMap(
    ([, , ...ofRange]) => ofRange as [host: string | null, port: number, id: string, info: unknown][],
  );
  const named = nodes.filter(([host]) => host !== null && host !== '' && host !== '?'); // not known to that node
  return new Map(named.map(([host, port, id]) => [id, `${host}:${port}`]));
}

/**
 * Which slots the masters of a Cluster serve, each by itself: the same text only while no slot has moved, even there and back, which
 * raises an epoch.
 */
export async function readServedSlots(masters: readonly Redis[]): Promise<{ served: string; areMoving: boolean }> {
  const own = await Promise.all(masters.map(async (master) => ownSlots(await master.cluster('NODES'))));
  const served = own
    .filter((line) => line !== undefined)
    .sort()
    .join('\n');
  return { served, areMoving: served.includes('[') };
}

function ownSlots(nodes: unknown): string | undefined {
  const own =
    String(nodes)
      .split('\n')
      .find((line) => /^\S+ \S+ \S*\bmyself\b/.test(line)) ?? '';
  const [id, , , , , , epoch, , ...slots] = own.split(' ');
  return slots.length === 0 ? undefined : [id, epoch, ...slots].join(' ');
}

/** What CLUSTER INFO answers. */
export async function readClusterInfo({ redis }: Node): Promise<ReadonlyMap<string, string>> {
  return parseInfo(await redis.cluster('INFO'));
}

/** `<id> <host:port@bus,name> <flags> <master> <ping> <pong> <epoch> <link> <slot> <slot> ...`; `[...]` are slots on the move. */
function readNode(line: string, own: string): ClusterNode {
  const [id = '', place = '', flags = '', master = '-', , , , link, ...slots] = line.split(' ');
  const names = flags.split(',');
  const isMyself = names.includes('myself');
  return {
    id,
    address: isMyself ? own : place.replace(/@.*$/, ''),
    isMaster: names.includes('master'),
    masterId: master === '-' ? undefined : master,
    isDown:
      names.some((name) => name === 'fail' || name === 'fail?' || name === 'noaddr') ||
      (!isMyself && link !== 'connected'),
    slots: slots.filter((slot) => !slot.startsWith('[')).map(readRange),
  };
}

function readRange(text: string): [number, number] {
  const [first = NaN, last = first] = text.split('-').map(Number);
  return [first, last];
}
