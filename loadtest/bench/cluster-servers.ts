import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort, startEmbeddedRedis } from '../../src/redis/embedded.js';
import { parseInfo } from '../../src/redis/server-facts.js';
import { SLOTS } from '../../src/redis/slots.js';

/** One server, or the masters of a Cluster, on loopback. */
export interface Servers {
  /** What producers and workers connect to. */
  readonly url: string;
  /** Undefined when it is no Cluster. */
  readonly masters: number | undefined;
  /** A connection to each. */
  readonly nodes: readonly Redis[];
  stop(): Promise<void>;
}

interface Started {
  readonly port: number;
  readonly busPort: number;
  readonly redis: Redis;
  readonly stop: () => Promise<void>;
}

/** A rewrite of the append-only file would fall on some of the runs only. */
const SETTINGS = ['--auto-aof-rewrite-percentage', '0'];

const JOIN_TIMEOUT_MS = 30_000;
const LOOK_MS = 50;

/**
 * Starts servers without replicas.
 *
 * @param masters of a Cluster; undefined for a server of the ordinary kind
 * @param dataDir for the files of all nodes
 */
export async function startServers(masters: number | undefined, dataDir: string): Promise<Servers> {
  const started: Started[] = [];
  const stop = async () => {
    await Promise.all(started.map((node) => node.stop()));
  };
  try {
    for (let number = 0; number < (masters ?? 1); number += 1) {
      started.push(await startNode(join(dataDir, String(number)), masters !== undefined));
    }
    if (masters !== undefined) {
      await makeCluster(started);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const [first, ...others] = started.map(({ port }) => `127.0.0.1:${port}`);
  const url =
    masters === undefined
      ? `redis://${first ?? ''}`
      : `redis-cluster://${first ?? ''}?${others.map((address) => `node=${address}`).join('&')}`;
  return { url, masters, nodes: started.map(({ redis }) => redis), stop };
}

async function startNode(dataDir: string, isCluster: boolean): Promise<Started> {
  const busPort = await freePort();
  const cluster = isCluster ? ['--cluster-enabled', 'yes', '--cluster-port', String(busPort)] : [];
  const server = await startEmbeddedRedis({ dataDir, settings: [...SETTINGS, ...cluster] });
  const redis = new Redis(server.url);
  return {
    port: Number(new URL(server.url).port),
    busPort,
    redis,
    stop: async () => {
      redis.disconnect();
      await server.stop();
    },
  };
}

/** Gives each node an equal part of the slots and waits until all know all. */
async function makeCluster(nodes: readonly Started[]): Promise<void> {
  const [first] = nodes;
  for (const [place, { redis, port, busPort }] of nodes.entries()) {
    const firstSlotOf = (node: number) => Math.round((node * SLOTS) / nodes.length);
    await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', place + 1);
    await redis.call('CLUSTER', 'ADDSLOTSRANGE', firstSlotOf(place), firstSlotOf(place + 1) - 1);
    await first?.redis.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
  }
  const endsAt = performance.now() + JOIN_TIMEOUT_MS;
  while (!(await Promise.all(nodes.map(({ redis }) => isWhole(redis, nodes.length)))).every(Boolean)) {
    if (performance.now() > endsAt) {
      throw new Error(`the nodes of the benchmark's Cluster did not meet within ${JOIN_TIMEOUT_MS / 1000} s`);
    }
    await pause(LOOK_MS);
  }
}

async function isWhole(redis: Redis, nodes: number): Promise<boolean> {
  const info = parseInfo((await redis.call('CLUSTER', 'INFO')) as string);
  return (
    info.get('cluster_state') === 'ok' &&
    info.get('cluster_slots_ok') === String(SLOTS) &&
    info.get('cluster_known_nodes') === String(nodes)
  );
}
