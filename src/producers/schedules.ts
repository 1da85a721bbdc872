import { hasRecurrence, repeatOptionsOf } from '../bullmq/ticks.js';
import { TallyError } from '../errors.js';
import { toJobData } from '../jobs/job-data.js';
import { decodeSchedule, encodeSchedule, hasSameRuns } from '../jobs/schedule.js';
import type { StoredSchedule } from '../jobs/schedule.js';
import type { Store } from '../layout/store.js';
import type { Registry } from '../operations/registry.js';
import { checkUpdate } from '../operations/update.js';
import type { CheckContext, CheckedUpdate } from '../operations/update.js';
import { readSchedule, readSchedules } from '../readers/read-schedules.js';
import type { Schedule } from '../readers/read-schedules.js';
import { askRedis } from '../redis/ask-redis.js';
import type { ReplicaConfirmation } from '../redis/replicas.js';
import { slotOf } from '../redis/slots.js';
import { checkSchedule } from './check-schedule.js';
import type { ScheduleRequest } from './check-schedule.js';
import type { Sender } from './sender.js';

interface ScheduleDeps extends Pick<Store, 'redis' | 'keys' | 'layouts'> {
  readonly registry: Registry;
  readonly context: CheckContext;
  readonly sender: Pick<Sender, 'queue'>;
  readonly confirmation: ReplicaConfirmation;
  readonly timeoutMs: number;
}

export interface PutOptions {
  /** Gets the update once it is found valid, and the schedule that is replaced; it throws to refuse. @defaultValue none */
  readonly authorize?: (update: CheckedUpdate, replaced: Schedule | undefined) => void;
  /** Of the API key that it is put with. @defaultValue nobody */
  readonly owner?: string | undefined;
}

const NOT_KNOWN = {
  accepted: 'unknown',
  words: 'it is not known whether the schedule was changed: do it again, which is safe',
} as const;

/**
 * Updates that are made again and again. Each run takes effect once, however many workers there are; one that falls into a time
 * without workers is made when the first comes back, once for all that were missed.
 */
export class Schedules<OneUpdate = unknown> {
  /** @internal */
  constructor(private readonly deps: ScheduleDeps) {}

  /**
   * Makes a schedule, or changes the one of this id. One that is the same already goes on as it is, so that a service may put
   * its schedules whenever it starts.
   *
   * @throws ValidationError naming each field that is not valid; nothing was changed
   * @throws QueueUnavailableError when Redis does not answer in time; do it again then, which is safe
   */
  async put(request: ScheduleRequest<OneUpdate>, { authorize, owner }: PutOptions = {}): Promise<Schedule> {
    const { id, cron, timeZone, everyMs, paused, update } = checkSchedule(request, this.deps.context);
    const rhythm = {
      ...(cron !== undefined && { cron }),
      ...(timeZone !== undefined && { timeZone }),
      ...(everyMs !== undefined && { everyMs }),
    };
    const { queue } = update.operation;
    const { prefix } = this.deps.layouts.configured.partitionOf(update.slot);
    const { operation, params } = update;
    const ofOwner = owner !== undefined && { owner };
    const stored = { queue, prefix, ...rhythm, paused, operation: operation.name, params, ...ofOwner };
    authorize?.(update, await this.get(id));
    return this.#ask(this.#store(id, stored, update));
  }

  /** @returns undefined when there is no such schedule */
  get(id: string): Promise<Schedule | undefined> {
    return this.#ask(readSchedule(this.deps, id));
  }

  /** All of them, by their ids. */
  list(): Promise<Schedule[]> {
    return this.#ask(readSchedules(this.deps));
  }

  /** No run of it begins any more, but for one that is due already. @returns false when there was none */
  remove(id: string): Promise<boolean> {
    const { redis, keys } = this.deps;
    return this.#ask(
      (async () => {
        const stored = decodeSchedule(await redis.hget(keys.schedules, id));
        return await this.#confirmed(stored === undefined ? [] : [stored.prefix], async () => {
          if (stored !== undefined) {
            await this.#stop(id, stored);
          }
          await redis.hdel(keys.scheduleRuns, id);
          return (await redis.hdel(keys.schedules, id)) > 0;
        });
      })(),
    );
  }

  /** @throws TallyError `SCHEDULE_NOT_FOUND` */
  pause(id: string): Promise<void> {
    return this.#setPaused(id, true);
  }

  /** What it has missed is not made up for. @throws TallyError `SCHEDULE_NOT_FOUND` */
  resume(id: string): Promise<void> {
    return this.#setPaused(id, false);
  }

  async #setPaused(id: string, paused: boolean): Promise<void> {
    const { redis, keys, context } = this.deps;
    await this.#ask(
      (async () => {
        const stored = decodeSchedule(await redis.hget(keys.schedules, id));
        if (stored === undefined) {
          throw new TallyError('SCHEDULE_NOT_FOUND', `there is no schedule "${id}"`);
        }
        const { operation, params } = stored;
        await this.#store(id, { ...stored, paused }, checkUpdate({ operation, params }, context));
      })(),
    );
  }

  async #store(id: string, stored: StoredSchedule, update: CheckedUpdate): Promise<Schedule> {
    const { redis, keys } = this.deps;
    const text = encodeSchedule(stored);
    const before = await redis.hget(keys.schedules, id);
    const old = decodeSchedule(before);
    const isSame =
      old !== undefined &&
      hasSameRuns(old, stored) &&
      (stored.paused || (await hasRecurrence(redis, stored, id, stored)));
    await this.#confirmed([stored.prefix, old?.prefix ?? stored.prefix], async () => {
      if (!isSame) {
        await this.#replace(id, old, stored, update);
      } else if (before !== text) {
        await redis.hset(keys.schedules, id, text);
      }
    });
    return (
      (await readSchedule(this.deps, id)) ?? {
        id,
        update: { operation: stored.operation, params: stored.params },
        paused: stored.paused,
      }
    );
  }

  async #replace(
    id: string,
    old: StoredSchedule | undefined,
    stored: StoredSchedule,
    update: CheckedUpdate,
  ): Promise<void> {
    const { redis, keys, layouts } = this.deps;
    if (old !== undefined && (stored.paused || old.queue !== stored.queue || old.prefix !== stored.prefix)) {
      await this.#stop(id, old);
    }
    await layouts.announce(); // so that workers serve its partition
    await redis.hset(keys.schedules, id, encodeSchedule(stored)); // first: a run that nobody knows of could not be stopped
    if (!stored.paused) {
      const { operation } = update;
      const data = toJobData([update], {}, layouts.receipts); // without a stamp: that of a run is its time
      await this.#queueOf(stored).upsertJobScheduler(id, repeatOptionsOf(stored), { name: operation.name, data });
    }
  }

  /**
   * Writes, and waits until replicas have it, and what was there before: an earlier call may have been told that they had not.
   *
   * @param prefixes of the partitions that are written to
   */
  async #confirmed<Answer>(prefixes: readonly string[], write: () => Promise<Answer>): Promise<Answer> {
    const { confirmation, keys } = this.deps;
    const slots = [keys.schedules, ...prefixes].map(slotOf);
    const before = confirmation.isNeeded && confirmation.before(new Set(slots));
    const answer = await write();
    if (before) {
      await confirmation.confirmRead(before, keys);
    }
    return answer;
  }

  async #stop(id: string, stored: StoredSchedule): Promise<void> {
    await this.#queueOf(stored).removeJobScheduler(id);
  }

  #queueOf({ queue, prefix }: Pick<StoredSchedule, 'queue' | 'prefix'>) {
    return this.deps.sender.queue(queue, { prefix });
  }

  #ask<Answer>(asking: Promise<Answer>): Promise<Answer> {
    const { redis, timeoutMs } = this.deps;
    return askRedis(redis, timeoutMs, asking, NOT_KNOWN);
  }
}
