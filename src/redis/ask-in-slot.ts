import { setTimeout as wait } from 'node:timers/promises';
import type { ChainableCommander } from 'ioredis';
import { ClusterConnection } from './cluster-connection.js';
import type { Connection } from './connection.js';

/** What a Cluster answers for a slot that has moved, is half moved, or has no master for the moment. */
const IN_MOTION = /^(?:MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /;

const PAUSE_MS = 100;

/** Where commands wait for as long as it takes. */
const TIMEOUT_MS = 2_000;

/**
 * Sends a pipeline to a slot, on a Cluster again until it meets the master: for half of what a command may take, so that who
 * waits hears what was answered. ioredis sends a single command on to where its slot has gone, and then knows the way; a pipeline only if
 * all of its commands read keys, and TIME does not.
 *
 * @param sortedSet a key of the slot, which need not exist
 * @param fill puts commands that only read into a pipeline
 * @throws what the first of them was refused with
 */
export async function askInSlot(
  redis: Connection,
  sortedSet: string,
  fill: (pipeline: ChainableCommander) => ChainableCommander,
): Promise<readonly unknown[]> {
  const timeoutMs = redis instanceof ClusterConnection ? redis.timeoutMs : undefined;
  const untilMs = performance.now() + (timeoutMs ?? TIMEOUT_MS) / 2;
  for (let tries = 1; ; tries += 1) {
    const replies = (await fill(redis.pipeline()).exec()) ?? [];
    const [refused] = replies.flatMap(([error]) => error ?? []);
    if (refused === undefined) {
      return replies.map(([, reply]) => reply);
    }
    if (!isInMotion(refused) || performance.now() > untilMs) {
      throw refused;
    }
    await (tries > 1 ? wait(PAUSE_MS) : undefined);
    await redis.zscore(sortedSet, ''); // learns the way
  }
}

function isInMotion({ name, message }: Error): boolean {
  return name === 'ReplyError' && IN_MOTION.test(message);
}
