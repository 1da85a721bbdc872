import { UnrecoverableError } from 'bullmq';
import type { Job } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { noteStamp } from '../../src/bullmq/scripts.js';
import { openStore } from '../../src/layout/store.js';
import { createRegistry } from '../../src/operations/registry.js';
import { CrossSlotScripts } from '../../src/redis/cross-slot-scripts.js';
import type { JobPlace, TallyJob } from '../../src/workers/attempt.js';
import { Telling } from '../../src/workers/telling.js';
import { foreignWorker, openQueue } from '../support/queues.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { shorts } from '../support/told.js';

/** An attempt that was held up for longer than its lock lasts goes on when another one has the job. */

interface Held {
  readonly job: TallyJob;
  readonly place: JobPlace;
  /** Has another attempt take the job over. */
  readonly lose: () => Promise<unknown>;
  /** And puts things as they were. */
  readonly regain: () => Promise<unknown>;
}

/** A job that a worker has at the moment. */
async function held(here: Place): Promise<Held> {
  const queue = openQueue(here);
  const { id } = await queue.add(
    'counter.increment',
    { updates: [{ key: here.key('n') }] },
    { jobId: 'j', attempts: 1 },
  );
  let letGo: () => void = () => undefined;
  const jobs: Job[] = [];
  await foreignWorker(here, 'counters', (job) => {
    jobs.push(job);
    return new Promise<void>((resolve) => (letGo = resolve));
  });
  onTestFinished(() => {
    letGo();
  });
  await until('a worker has it', () => jobs.length === 1);
  const job = jobs[0] as TallyJob;
  const lock = `${here.partition.prefix}:counters:${id!}:lock`;
  const ofJob = { queue, expiries: queue, partition: here.partition, slots: undefined as never };
  return {
    job,
    place: ofJob,
    lose: () => here.client.set(lock, 'another'),
    regain: () => here.client.set(lock, job.token!),
  };
}

test('it does not tell that the job failed, which the other one may have applied', async () => {
  const here = place();
  const { job, place: at, lose, regain } = await held(here);
  const { redis, namespace, prefix, logger } = here;
  const names = { connectionName: 'test-stale', timeoutMs: 5_000 };
  const store = openStore({ redis, namespace, prefix, logger, ...names });
  onTestFinished(() => {
    store.close();
  });
  const crossSlot = new CrossSlotScripts(store.redis);
  const telling = new Telling({ ...store, crossSlot, registry: createRegistry() });
  const failed = { job, place: at, attempt: undefined, record: undefined };
  const failure = new UnrecoverableError('tally/2 failed WRONG_TYPE: it is a list; nothing was applied');

  await lose();
  await telling.failure(failed, failure);
  expect(await shorts(here)).toEqual([]);
  await regain();
  await telling.failure(failed, failure);
  expect(await shorts(here)).toEqual(['counter.increment.failed: ']);
});

test('it does not put a stamp in the place of the mark of the job that has ended', async () => {
  const here = place();
  const { job, place: at, lose, regain } = await held(here);
  const where = { prefix: here.partition.prefix, queue: 'counters' };
  const hash = `${here.partition.prefix}:counters:j`;
  const mark = '{"outcomes":"tally/2 digest 5"}';
  await here.client.hset(hash, 'progress', mark);

  await lose();
  await noteStamp(here.client, where, job, { sentAtMs: 1 });
  expect(await here.client.hget(hash, 'progress')).toBe(mark);
  await regain();
  await noteStamp(here.client, where, job, { sentAtMs: 1 });
  expect(await here.client.hget(hash, 'progress')).toBe('{"sentAtMs":1}');
  expect((await at.queue.getJob('j'))?.progress).toEqual({ sentAtMs: 1 });
});
