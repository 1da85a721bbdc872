import { jobSetKey } from '../bullmq/queue-keys.js';
import type { EndState, QueuePlace } from '../bullmq/queue-keys.js';
import type { RedisClient } from '../redis/connection.js';

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

export async function readKept(
  redis: Pick<RedisClient, 'hmget'>,
  place: QueuePlace,
  state: EndState,
): Promise<KeptOutcomes> {
  const fields = ['jobs', 'updates', 'bytes', 'age-ms', 'removed-to', 'early-to'];
  const key = `${jobSetKey(place, state)}:kept`;
  const [jobs, updates, bytes, ageMs, removedTo, earlyTo] = await redis.hmget(key, ...fields);
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
