import { setTimeout as wait } from 'node:timers/promises';
import { pino } from 'pino';
import { createProducer } from '../../src/index.js';
import type { Producer } from '../../src/index.js';
import { jobKey } from '../../src/bullmq/queue-keys.js';
import { tickAt, runsWereMade } from './oracle/ticks.js';
import type { Run } from './oracle/ticks.js';
import { scanKeys } from './read-redis.js';
import { DRAIN_LIMIT_MS, NAMESPACE, PREFIX } from './settings.js';
import { serverOf } from './world.js';
import type { World } from './world.js';

/** The cell that every run of the schedule adds 1 to. */
const TICKS = { key: 'ticks' } as const;

const EVERY_MS = 1_000;
const QUEUE = { prefix: PREFIX, queue: 'counters' };

/** How many runs are waited for when all is healed, and how long at most: a busy machine makes few. */
const WATCHED_RUNS = 5;
const WATCHED_MS = DRAIN_LIMIT_MS;
const LOOK_EVERY_MS = 200;

/** Makes the schedule that runs while faults strike. */
export async function putSchedule(world: Pick<World, 'server'>): Promise<void> {
  await withProducer(serverOf(world).url, (producer) => producer.schedules.put(scheduleOf('ticks')));
}

const scheduleOf = (id: string) =>
  ({ id, everyMs: EVERY_MS, update: { operation: 'counter.increment', params: TICKS } }) as const;

/** Ends it, so that queues run empty. */
export async function endSchedule(world: Pick<World, 'server'>): Promise<void> {
  await withProducer(serverOf(world).url, (producer) => producer.schedules.remove('ticks'));
}

/**
 * With all healed, and nothing else to do, watches that each run is made. It is another schedule: the next run of the first one may
 * be days ahead, as the clock was of the worker that made it.
 *
 * @returns what was missing
 */
export async function watchRuns(world: Pick<World, 'server' | 'operator'>): Promise<string[]> {
  const { operator } = world;
  const deadline = performance.now() + WATCHED_MS;
  let ended: Run[] = [];
  const until = async (isEnough: (runs: readonly WatchedRun[]) => boolean) => {
    let runs: WatchedRun[];
    do {
      await wait(LOOK_EVERY_MS);
      runs = await readRuns(operator);
      ended = runs.filter(({ hasEnded }) => hasEnded);
    } while (!isEnough(runs) && performance.now() < deadline);
  };
  await withProducer(serverOf(world).url, async ({ schedules }) => {
    await schedules.put(scheduleOf('watched'));
    await until(() => ended.length >= WATCHED_RUNS);
    await schedules.remove('watched');
    await until((runs) => runs.length === ended.length);
  });
  const missing = [...runsWereMade(ended, EVERY_MS)];
  return ended.length < WATCHED_RUNS
    ? [...missing, `only ${ended.length} runs were made in ${WATCHED_MS} ms`]
    : missing;
}

interface WatchedRun extends Run {
  readonly hasEnded: boolean;
}

async function readRuns(redis: World['operator']): Promise<WatchedRun[]> {
  const keys = await scanKeys(redis, `${jobKey(QUEUE, 'repeat:watched:')}*`, 'hash');
  return Promise.all(
    keys.map(async (key) => {
      const [begun, ended] = await redis.hmget(key, 'processedOn', 'finishedOn');
      const atMs = tickAt(key.slice(jobKey(QUEUE, '').length)) ?? 0;
      return { atMs, begunAtMs: Number(begun ?? 0), hasEnded: ended !== null };
    }),
  );
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
