import type { RedisClient } from '../redis/connection.js';

/** Outcomes of updates that were applied or rejected, and of those that failed. */
export type EndState = 'completed' | 'failed';

/** What is known of the ended jobs of one partition of a queue, see `lua/retire.lua`. */
export interface KeptOutcomes {
  readonly jobs: number;
  readonly updates: number;
  /** Of Redis' memory, about. */
  readonly bytes: number;
  /** How long they are kept, in ms; undefined when no worker has said so. */
  readonly ageMs: number | undefined;
  /** When the last job ended that was removed, in Redis' time. */
  readonly removedToMs: number;
  /** The same of those that were removed before their time, because there were too many. */
  readonly earlyToMs: number;
}

/** @param toKey the key of a part of the queue, see BullMQ's `QueueKeys` */
export async function readKept(
  redis: Pick<RedisClient, 'hmget'>,
  toKey: (type: string) => string,
  state: EndState,
): Promise<KeptOutcomes> {
  const fields = ['jobs', 'updates', 'bytes', 'age-ms', 'removed-to', 'early-to'];
  const [jobs, updates, bytes, ageMs, removedTo, earlyTo] = await redis.hmget(toKey(`${state}:kept`), ...fields);
  return {
    jobs: Number(jobs ?? 0),
    updates: Number(updates ?? 0),
    bytes: Number(bytes ?? 0),
    ageMs: ageMs ? Number(ageMs) : undefined,
    removedToMs: Number(removedTo ?? 0),
    earlyToMs: Number(earlyTo ?? 0),
  };
}

/** How far back outcomes can be asked for, in ms; undefined when no worker has said how long they are kept. */
export function keptForMs({ ageMs, earlyToMs }: KeptOutcomes, nowMs: number): number | undefined {
  return ageMs === undefined ? undefined : Math.max(0, Math.min(ageMs, nowMs - earlyToMs));
}
