import { nextTickMs } from '../bullmq/ticks.js';
import { decodeRun, decodeSchedule } from '../jobs/schedule.js';
import type { ScheduleRun } from '../jobs/schedule.js';
import type { Store } from '../layout/store.js';
import type { Registry } from '../operations/registry.js';

/** An update that is made again and again. */
export interface Schedule {
  readonly id: string;
  readonly cron?: string;
  /** That the cron expression is meant in. */
  readonly timeZone?: string;
  readonly everyMs?: number;
  readonly update: { readonly operation: string; readonly params: unknown };
  readonly paused: boolean;
  /** Of the API key that it was put with; absent where there was none. */
  readonly owner?: string;
  /** Absent while it is paused. */
  readonly nextRunAt?: Date;
  /** Of its runs the one that ended last; absent before the first. */
  readonly lastRun?: ScheduleRun;
}

type Stored = Pick<Store, 'redis' | 'keys'> & { readonly registry: Registry };

/** All schedules, by their ids. */
export async function readSchedules(store: Stored): Promise<Schedule[]> {
  const { redis, keys } = store;
  const [schedules, runs] = await Promise.all([redis.hgetall(keys.schedules), redis.hgetall(keys.scheduleRuns)]);
  const read = Object.entries(schedules).map(([id, text]) => describe(store, id, text, runs[id]));
  const found = (await Promise.all(read)).filter((schedule) => schedule !== undefined);
  return found.sort((one, other) => (one.id < other.id ? -1 : 1));
}

/** @returns undefined when there is no such schedule */
export async function readSchedule(store: Stored, id: string): Promise<Schedule | undefined> {
  const { redis, keys } = store;
  const [text, run] = await Promise.all([redis.hget(keys.schedules, id), redis.hget(keys.scheduleRuns, id)]);
  return describe(store, id, text, run);
}

async function describe(
  { redis, registry }: Stored,
  id: string,
  text: string | null,
  run: string | null | undefined,
): Promise<Schedule | undefined> {
  const stored = decodeSchedule(text);
  if (stored === undefined) {
    return undefined;
  }
  const { queue, prefix, cron, timeZone, everyMs, paused, operation, params, owner } = stored;
  const nextMs = paused ? undefined : await nextTickMs(redis, { prefix, queue }, id);
  const lastRun = decodeRun(run, registry);
  return {
    id,
    ...(cron !== undefined && { cron }),
    ...(timeZone !== undefined && { timeZone }),
    ...(everyMs !== undefined && { everyMs }),
    update: { operation, params },
    paused,
    ...(owner !== undefined && { owner }),
    ...(nextMs !== undefined && { nextRunAt: new Date(nextMs) }),
    ...(lastRun && { lastRun }),
  };
}
