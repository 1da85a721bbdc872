import { setTimeout as wait } from 'node:timers/promises';
import { withinTime } from '../lib/timeouts.js';
import type { Connection } from './connection.js';

/** One that is busy answers a PING within this. */
const PATIENCE_MS = 1_000;

const ASK_EVERY_MS = 250;

/**
 * Resolves once Redis, or a master of a Cluster, does not answer any more, within about a second: what waits for it may wait in
 * vain. Otherwise never, and asks until `signal` is aborted.
 */
export async function untilUnreachable(redis: Connection, signal: AbortSignal): Promise<void> {
  while (await answers(redis)) {
    const isOver = await wait(ASK_EVERY_MS, false, { signal, ref: false }).catch(() => true);
    if (isOver) {
      await new Promise(() => undefined);
    }
  }
}

async function answers(redis: Connection): Promise<boolean> {
  if (redis.status !== 'ready') {
    return false;
  }
  let isAnswered = false;
  const pings = Promise.all(redis.masters().map((master) => master.ping())).then(
    () => {
      isAnswered = true;
    },
    (error: unknown) => {
      isAnswered = (error as Error).name === 'ReplyError'; // it refuses, but it is there
    },
  );
  return (await withinTime(pings, PATIENCE_MS)) && isAnswered;
}
