import { pino } from 'pino';
import { createProducer, createWorker } from '../../src/index.js';
import type { Operation, Producer } from '../../src/index.js';
import { createRegistry } from '../../src/operations/registry.js';
import { Completed } from './completed.js';
import type { Reach } from './completed.js';
import { drawIncrements, drawMix } from './draw.js';
import type { Draw } from './draw.js';
import type { Limit } from './workload.js';
import type { RoleTask, RunningRole } from './roles.js';

const CALLERS = 1_000;
/** Of those that submit lists, and how long these are: as many as a job takes. */
const LIST_CALLERS = 8;
const LIST = 256;
/** Entries of a history: few enough that those of 10,000 keys are full for most of a run, and the oldest give way. */
const HISTORY = 20;
const logger = pino({ level: 'error' }, pino.destination(2));

/** Increments, a part of them with idempotency keys. */
export function runTallyProducer({
  redisUrl,
  maxBatch,
  keyedShare,
  ...load
}: Extract<RoleTask, { role: 'tally-producer' }>): Promise<RunningRole<Limit>> {
  const producer = createProducer({ redis: redisUrl, maxBatch, logger });
  let number = 0;
  return runProducer(
    producer,
    (limit) => drawIncrements(load, limit),
    (draw) => {
      number += 1;
      const isKeyed = number % 100 < keyedShare * 100;
      return producer.counters.increment(draw.next(), isKeyed ? { idempotencyKey: `order-${number}` } : undefined);
    },
  );
}

/** Increments, by callers that have many at once. */
export function runTallyListProducer({
  redisUrl,
  ...load
}: Extract<RoleTask, { role: 'tally-list-producer' }>): Promise<RunningRole<Limit>> {
  const producer = createProducer({ redis: redisUrl, logger });
  return runProducer(
    producer,
    (limit) => drawIncrements(load, limit),
    (draw) => producer.submit(draw.many(LIST).map((params) => ({ operation: 'counter.increment' as const, params }))),
    LIST_CALLERS,
  );
}

/** The mix of `tally load`. */
export function runTallyMixProducer({ redisUrl }: RoleTask): Promise<RunningRole<Limit>> {
  const producer = createProducer({ redis: redisUrl, logger });
  return runProducer(producer, drawMix, (draw) => producer.submit(draw.next() as Unchecked));
}

/** What the traffic draws is checked by the producer, not by the compiler. */
interface Unchecked {
  readonly operation: 'counter.increment';
  readonly params: { readonly key: string };
}

/** Callers that each submit once more as soon as Redis has what they submitted. */
function runProducer<Drawn>(
  producer: Producer,
  createDraw: (limit: Limit) => Draw<Drawn>,
  submitNext: (draw: Draw<Drawn>) => Promise<unknown>,
  callers = CALLERS,
): Promise<RunningRole<Limit>> {
  return Promise.resolve({
    work: async (limit) => {
      const draw = createDraw(limit);
      const caller = async () => {
        while (!draw.isOver) {
          await submitNext(draw);
        }
      };
      await Promise.all(Array.from({ length: callers }, caller));
      return draw.submitted;
    },
    close: () => producer.close(),
  });
}

export async function runTallyWorker({
  redisUrl,
  queues,
  concurrency,
  outcomes,
  histories,
}: Extract<RoleTask, { role: 'tally-worker' }>): Promise<RunningRole<Reach>> {
  const worker = createWorker({
    redis: redisUrl,
    ...(queues !== undefined && { queues }),
    ...(concurrency !== undefined && { concurrency }),
    outcomes,
    ...(histories === true && { operations: withHistories() }),
    logger,
  });
  const completed = new Completed();
  worker.on('completed', ({ updates }) => {
    completed.add(updates);
  });
  await worker.ready();
  return { work: ({ reach }) => completed.reach(reach), close: () => worker.close() };
}

/** All operations that change cells. */
function withHistories(): Operation[] {
  return createRegistry().operations.flatMap((operation) => operation.withHistory?.(HISTORY) ?? []);
}
