import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { BackpressureError } from '../../src/index.js';
import { openQueue } from '../support/queues.js';
import { ownRedis, place, until } from '../support/tally.js';

test('a producer refuses updates while too many jobs wait, and takes them again when workers have caught up', async () => {
  const here = place();
  const { length: partitions } = here.layout.partitions; // each has its part of the limit
  const producer = here.producer({ backlogLimit: 10 * partitions, maxBatch: 1 });
  const submit = () => producer.counters.increment({ key: here.key('n') });
  const refused = async () => {
    try {
      await submit();
      return false;
    } catch (error) {
      expect(error).toBeInstanceOf(BackpressureError);
      return true;
    }
  };
  await until('it refuses', refused);
  const waiting = await here.client.llen(`${here.partition.prefix}:counters:wait`);
  expect(waiting).toBeGreaterThanOrEqual(10);

  await here.worker();
  await until('it accepts again', async () => !(await refused()));
  await until('all that was accepted is applied', async () => {
    return Number(await here.client.get(here.key('n'))) === waiting + 1;
  });
});

test('a producer that submits nothing while the queue empties is not refused by what it counted before', async () => {
  const here = place();
  const producer = here.producer({ backlogLimit: here.layout.partitions.length, maxBatch: 1 });
  const submit = () => producer.counters.increment({ key: here.key('n') });
  await until('it refuses', async () => (await Promise.allSettled([submit()]))[0].status === 'rejected');
  const queue = openQueue(here);
  await queue.drain();
  await setTimeout(3_000); // it counts each second
  await submit();
  expect(await queue.getWaitingCount()).toBe(1);
});

test('a producer refuses what its buffer can not hold while Redis hangs, and nothing of it is sent later', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const producer = here.producer({ bufferLimit: 100, submitTimeoutMs: 2_000 });
  await producer.counters.increment({ key: here.key('warm-up') });
  process.kill(redis.pid(), 'SIGSTOP');
  const attempts = Array.from({ length: 110 }, () => producer.counters.increment({ key: here.key('n') }));
  await expect(attempts.at(-1)).rejects.toMatchObject({ code: 'BACKPRESSURE' });
  process.kill(redis.pid(), 'SIGCONT');
  const accepted = (await Promise.allSettled(attempts)).filter(({ status }) => status === 'fulfilled').length;
  expect(accepted).toBeGreaterThanOrEqual(100);
  expect(accepted).toBeLessThan(110);
  await here.worker();
  await until('what was accepted is applied', async () => (await here.client.get(here.key('n'))) === String(accepted));
});

test('a list of more updates than may wait is taken while none waits', async () => {
  const here = place();
  const update = { operation: 'counter.increment', params: { key: here.key('n') } } as const;
  const list = (length: number) => Array.from({ length }, () => update);
  const producer = here.producer({ bufferLimit: 100 });
  const first = producer.submit(list(101));
  await expect(producer.submit(list(1))).rejects.toMatchObject({ code: 'BACKPRESSURE' });
  expect(await first).toHaveLength(101);
});
