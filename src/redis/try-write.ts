import type { Redis } from 'ioredis';
import { ClusterConnection } from './cluster-connection.js';
import type { Connection } from './connection.js';
import { addressOf } from './node-name.js';
import { refusalOf } from './refusal.js';
import type { Refusal } from './refusal.js';
import { tagOf } from './slots.js';

/**
 * Asks a master for a write that changes nothing, since there is no such key: a server that is full, a replica, or one without
 * enough replicas refuses it all the same. Under the prefix of queues everybody may who has to do with updates.
 *
 * @returns what it refuses the write with; undefined when it takes it
 * @throws whatever else kept it from answering
 */
export async function tryWrite(redis: Connection, master: Redis, prefix: string): Promise<Refusal | undefined> {
  try {
    await master.set(`${prefix}:${tagFor(redis, master)}ready`, '', 'XX');
    return undefined;
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) {
      throw error;
    }
    return refusal;
  }
}

/** In a Cluster, the tag of a slot of this master. */
function tagFor(redis: Connection, master: Redis): string {
  if (!(redis instanceof ClusterConnection)) {
    return '';
  }
  const slot = redis.slots.findIndex((nodes: string[] | undefined) => nodes?.[0] === addressOf(master));
  return slot === -1 ? '' : `{${tagOf(slot)}}`;
}
