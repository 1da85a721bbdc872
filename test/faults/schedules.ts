import { setTimeout as wait } from 'node:timers/promises';
import { pino } from 'pino';
import { createProducer } from '../../src/index.js';
import type { Producer } from '../../src/index.js';
import { jobKey } from '../../src/bullmq/queue-keys.js';
import { tickAt, runsWereMade } from './oracle/ticks.js';
import { scanKeys } from './read-redis.js';
import { NAMESPACE, PREFIX } from './settings.js';
import type { World } from './world.js';

/** The cell that every run of the schedule adds 1 to. */
export const TICKS = { key: 'ticks' } as const;

const EVERY_MS = 1_000;
const QUEUE = { prefix: PREFIX, queue: 'counters' };

/** How long runs are looked at when all is healed. */
const WATCHED_MS = 6 * EVERY_MS;

/** The run of a schedule. */
export interface Run {
  /** For when it was. */
  readonly atMs: number;
  /** By the clock of the worker that began it last. */
  readonly begunAtMs: number;
}

/** Makes the schedule that runs while faults strike. */
export async function putSchedule(url: string): Promise<void> {
  await withProducer(url, (producer) => producer.schedules.put(scheduleOf('ticks')));
}

const scheduleOf = (id: string) =>
  ({ id, everyMs: EVERY_MS, update: { operation: 'counter.increment', params: TICKS } }) as const;

/**
 * With all healed, watches that each run is made, and ends it, so that queues run empty. It is another schedule: the next run of the
 * first one may be days ahead, as the clock was of the worker that made it.
 *
 * @returns what was missing
 */
export async function watchRuns({ server, operator }: Pick<World, 'server' | 'operator'>): Promise<string[]> {
  await withProducer(server.url, async ({ schedules }) => {
    await schedules.remove('ticks');
    await schedules.put(scheduleOf('watched'));
    await wait(WATCHED_MS);
    await schedules.remove('watched');
  });
  const start = jobKey(QUEUE, 'repeat:watched:');
  const jobs = await scanKeys(operator, `${start}*`, 'hash');
  const runs = await Promise.all(
    jobs.map(async (key): Promise<Run> => {
      const begun = await operator.hget(key, 'processedOn');
      return { atMs: tickAt(key.slice(jobKey(QUEUE, '').length)) ?? 0, begunAtMs: Number(begun ?? 0) };
    }),
  );
  const missing = [...runsWereMade(runs, EVERY_MS)];
  return runs.length < 2 ? [...missing, `only ${runs.length} runs were made in ${WATCHED_MS} ms`] : missing;
}

async function withProducer(url: string, work: (producer: Producer) => Promise<unknown>): Promise<void> {
  const logger = pino({ level: 'silent' });
  const producer = createProducer({ redis: url, namespace: NAMESPACE, prefix: PREFIX, logger });
  try {
    await work(producer);
  } finally {
    await producer.close();
  }
}
