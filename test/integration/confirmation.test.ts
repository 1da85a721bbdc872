import { expect, test } from 'vitest';
import { QueueUnavailableError } from '../../src/index.js';
import { NotReplicatedError, ReplicaConfirmation } from '../../src/redis/replicas.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { afterApplying } from '../support/after-applying.js';
import { ended, openQueue } from '../support/queues.js';
import { ownRedis, place, until } from '../support/tally.js';

/** There is no replica in these tests: nothing can be confirmed. */
const CONFIRMED = { replicasToConfirm: 1 };

test('a submit that no replica confirms tells that it may be lost, and not that it was not accepted', async () => {
  const { url } = await ownRedis();
  const here = place(url);
  const failure = here.producer(CONFIRMED).counters.increment({ key: here.key('n') });

  await expect(failure).rejects.toThrow(QueueUnavailableError);
  await expect(failure).rejects.toMatchObject({
    accepted: 'unknown',
    message: expect.stringMatching(
      /0 replicas instead of 1 .* a failover may lose the update: send it again/,
    ) as string,
  });
  expect(await here.client.llen(`${here.prefix}:counters:wait`)).toBe(1);
});

test('a submit by a user who may not ask replicas does not claim that it was not accepted', async () => {
  const { url } = await ownRedis();
  const here = place(url);
  await here.client.acl('SETUSER', 'shy', 'on', '>secret', '~*', '&*', '+@all', '-wait');
  const shy = new URL(url);
  shy.username = 'shy';
  shy.password = 'secret';
  const failure = here.producer({ redis: shy.href, ...CONFIRMED }).counters.increment({ key: here.key('n') });

  await expect(failure).rejects.toMatchObject({
    accepted: 'unknown',
    message: expect.stringMatching(/NOPERM/) as string,
  });
  expect(await here.client.llen(`${here.prefix}:counters:wait`)).toBe(1);
});

test('a change of a schedule that no replica confirms tells that it may be lost, also when it is made again', async () => {
  const { url } = await ownRedis();
  const here = place(url);
  const { schedules } = here.producer(CONFIRMED);
  const update = { operation: 'counter.increment', params: { key: here.key('n') } } as const;
  const put = () => schedules.put({ id: 'nightly', cron: '0 0 * * *', update });
  for (const change of [put, put, () => schedules.pause('nightly'), () => schedules.remove('nightly')]) {
    await expect(change()).rejects.toMatchObject({
      code: 'QUEUE_UNAVAILABLE',
      accepted: 'unknown',
      message: expect.stringMatching(
        /0 replicas instead of 1 .* not known whether the schedule was changed: do it again/,
      ) as string,
    });
  }
  expect(await here.producer().schedules.list()).toEqual([]);
});

test('a job whose changes no replica confirms is put off, and takes effect once all the same', async () => {
  const { url } = await ownRedis();
  const here = place(url);
  const worker = await here.worker(CONFIRMED);
  const submission = await here.producer().counters.increment({ key: here.key('n'), by: 5 });
  const hash = `${here.prefix}:counters:${submission.jobId}`;
  await until('it was put off twice', async () => Number(await here.client.hget(hash, 'ats')) > 2);
  expect(await here.client.hmget(hash, 'atm', 'finishedOn')).toEqual([null, null]);
  await worker.close();

  await here.worker();
  expect(await submission.outcome()).toEqual({ status: 'applied', result: { value: 5, applied: 5 } });
  expect(await here.client.get(here.key('n'))).toBe('5');
});

test('a job that was applied is not told as failed when Redis is too full for it to be confirmed', async () => {
  const { url } = await ownRedis();
  const here = place(url);
  const worker = await here.worker(CONFIRMED);
  const queue = openQueue(here);
  const updates = [{ key: here.key('n'), by: 5 }];
  const { id } = await queue.add('counter.increment', { updates }, { attempts: 2, backoff: 10 });
  await until('it is applied', async () => (await here.client.get(here.key('n'))) === '5');
  await here.client.config('SET', 'maxmemory', '1mb');
  const hash = `${here.prefix}:counters:${id!}`;
  const startedBefore = Number(await here.client.hget(hash, 'ats'));
  await until('it was tried three times', async () => Number(await here.client.hget(hash, 'ats')) > startedBefore + 3);
  expect(await here.client.hmget(hash, 'atm', 'failedReason', 'finishedOn')).toEqual([null, null, null]);
  await here.client.config('SET', 'maxmemory', '0');
  await worker.close();

  await here.worker();
  expect((await ended(queue, id!)).returnvalue).toMatch(/^tally\/2 \S+ 5$/);
});

test('a repeat that can not be confirmed as Redis is full tells that, and not that it was not accepted', async () => {
  const { url } = await ownRedis();
  const here = place(url);
  await here.worker();
  const { counters } = here.producer(CONFIRMED);
  const send = () => counters.increment({ key: here.key('n') }, { idempotencyKey: 'once' });
  await expect(send()).rejects.toMatchObject({ name: 'QueueUnavailableError', accepted: 'unknown' });
  await until('it is applied', async () => (await here.client.get(here.key('n'))) === '1');
  await here.client.config('SET', 'maxmemory', '1mb');

  await expect(send()).rejects.toMatchObject({ name: 'RedisRefusedError', redisCode: 'OOM', accepted: 'unknown' });
  await here.client.config('SET', 'maxmemory', '0');
});

test('locks are renewed while replicas are waited for', async () => {
  const { url } = await ownRedis();
  const here = place(url);
  await here.worker({ ...CONFIRMED, lockDurationMs: 1_500 }); // less than half a second between renewals, and a second for replicas
  const { jobId } = await here.producer().counters.increment({ key: here.key('n') });
  const sample = async () => {
    const [[, clients], [, lifeMs]] = (await here.client
      .multi()
      .client('LIST')
      .pttl(`${here.prefix}:counters:${jobId}:lock`)
      .exec()) as [[null, string], [null, number]];
    return { isWaiting: /^.*flags=b.* cmd=wait/m.test(clients), lifeMs };
  };
  let last = await sample();

  await until('a lock lives longer than before, and replicas are waited for all the time', async () => {
    const before = last;
    last = await sample();
    return before.isWaiting && last.isWaiting && before.lifeMs > 0 && last.lifeMs > before.lifeMs;
  });
});

test('what a lost connection wrote is not confirmed by the one that takes its place', async () => {
  const { url } = await ownRedis();
  const here = place(url);
  const confirmation = new ReplicaConfirmation(here.client, { replicasToConfirm: 0, confirmOnDisk: false });
  await here.client.ping();
  const before = confirmation.before([NO_SLOT]);
  await confirmation.confirm(before);
  here.client.disconnect(true);
  await until(
    'it is connected again',
    () => here.client.disconnects > before.disconnects && here.client.status === 'ready',
  );

  await expect(confirmation.confirm(before)).rejects.toThrow(NotReplicatedError);
});

test('a receipt that is found after a lost connection is not told before replicas have it', async () => {
  const { url } = await ownRedis();
  const here = place(url);
  afterApplying(async (worker) => {
    const { disconnects } = worker;
    worker.disconnect(true);
    await until('the worker is connected again', () => worker.disconnects > disconnects && worker.status === 'ready');
  });
  await here.worker({ ...CONFIRMED, lockDurationMs: 3_000, stalledIntervalMs: 1_000 });
  const { jobId } = await here.producer().counters.increment({ key: here.key('n'), by: 5 });
  const hash = `${here.prefix}:counters:${jobId}`;
  await until('it was looked for again', async () => Number(await here.client.hget(hash, 'ats')) > 1);

  expect(await here.client.get(here.key('n'))).toBe('5');
  expect(await here.client.hmget(hash, 'atm', 'finishedOn')).toEqual([null, null]);
});
