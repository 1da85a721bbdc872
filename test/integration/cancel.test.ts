import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { NotCancellableError, QueueUnavailableError, RedisRefusedError } from '../../src/index.js';
import type { Submission } from '../../src/index.js';
import { createScript } from '../../src/redis/scripts.js';
import { luaSource } from '../../src/redis/lua-source.js';
import { startProxy } from '../support/proxy.js';
import { ended, jobOf, openQueue } from '../support/queues.js';
import { keysLike, ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const HOUR = 3_600_000;
const CANCEL = createScript('cancel', luaSource('cancel')).sha;
const CANCELLED = { status: 'cancelled', reason: 'CANCELLED', message: 'it was taken back before it began' };

const increment = (key: string, by = 5) => ({ operation: 'counter.increment' as const, params: { key, by } });

/** What an update that can't be cancelled is answered with. */
async function refusalOf(cancelling: Promise<void>): Promise<NotCancellableError> {
  const error = await cancelling.then(
    () => undefined,
    (refusal: unknown) => refusal,
  );
  expect(error).toBeInstanceOf(NotCancellableError);
  return error as NotCancellableError;
}

describe('an update that has not begun', () => {
  test('is taken back: whoever asks is told at once, and its job ends without its time being waited for', async () => {
    const here = place();
    const producer = here.producer();
    const submission = await producer.submit(increment(here.key('n')), { delay: HOUR });
    const waiting = submission.outcome();
    await producer.cancel(submission.id);

    expect(await waiting).toEqual(CANCELLED);
    expect(await producer.find(submission.id)).toMatchObject({ attempts: 0, outcome: CANCELLED });
    await here.worker();
    const job = await ended(openQueue(here), submission.jobId);
    expect(job.returnvalue).toMatch(/^tally\/\d+ \S+ #$/);
    expect(await producer.find(submission.id)).toMatchObject({ outcome: CANCELLED });
    expect(await here.client.exists(here.key('n'))).toBe(0);
    await producer.cancel(submission.id); // once more changes nothing
  });

  test.each(['a priority', 'nothing'])('with %s is taken back as well', async (what) => {
    const here = place();
    const producer = here.producer();
    const options = what === 'a priority' ? { priority: 3 } : {};
    const submission = await producer.submit(increment(here.key('n')), options);
    await producer.cancel(submission.id);
    await here.worker();
    expect(await submission.outcome()).toEqual(CANCELLED);
    expect(await here.client.exists(here.key('n'))).toBe(0);
  });

  test('applies nothing however its job is run again, also when its receipt has gone', async () => {
    const here = place();
    const producer = here.producer();
    await here.worker();
    const submission = await producer.submit(increment(here.key('n')), { delay: HOUR });
    await producer.cancel(submission.id);
    const queue = openQueue(here);
    const job = await ended(queue, submission.jobId);
    await until('it is settled', async () => (await jobOf(queue, submission.jobId)).progress !== 0);
    await here.client.del(...(await keysLike(here, `${here.namespace}*:job:*`)));
    await job.retry('completed');
    await until('it ran again', async () => (await jobOf(queue, submission.jobId)).attemptsStarted === 2);
    await ended(queue, submission.jobId);
    expect(await here.client.exists(here.key('n'))).toBe(0);
    expect(await producer.find(submission.id)).toMatchObject({ outcome: CANCELLED });
  });

  test('applies nothing when someone puts the version into or out of its data afterwards', async () => {
    const here = place();
    const producer = here.producer();
    const queue = openQueue(here);
    const submission = await producer.submit(increment(here.key('n')), { delay: HOUR });
    const other = await queue.add(
      'counter.increment',
      { ...(await slotsOf(here, submission)), updates: [{ key: here.key('m'), by: 1 }] },
      { jobId: submission.jobId.replace(/^.{8}/, '00000000'), delay: HOUR },
    );
    await producer.cancel(submission.id);
    await producer.cancel(`${other.id!}.0`);
    const { v, ...data } = (await jobOf(queue, submission.jobId)).data as { v: number };
    await (await jobOf(queue, submission.jobId)).updateData(data);
    await (await jobOf(queue, other.id!)).updateData({ v, ...(other.data as object) });
    await here.worker();
    await ended(queue, submission.jobId);
    await ended(queue, other.id!);
    expect(await here.client.exists(here.key('n'), here.key('m'))).toBe(0);
  });

  test('that nobody came to promote ends as cancelled at its time', async () => {
    const redis = await ownRedis();
    const here = place(redis.url);
    const submission = await here.producer().submit(increment(here.key('n')), { delay: 1_500 });
    await here.client.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', '~*', '+@all', '-hgetall');
    await here.producer({ redis: withUser(redis.url) }).cancel(submission.id);
    const queue = openQueue(here);
    expect(await queue.getJobState(submission.jobId)).toBe('delayed');
    await here.worker();
    await ended(queue, submission.jobId);
    expect(await here.client.exists(here.key('n'))).toBe(0);
  });
});

/** In a Cluster a job says in which slot its updates lie. */
async function slotsOf(here: Place, { jobId }: Submission): Promise<object> {
  const { slots } = (await jobOf(openQueue(here), jobId)).data as { slots?: unknown };
  return slots === undefined ? {} : { slots };
}

function withUser(url: string): string {
  const { hostname, port } = new URL(url);
  return `redis://app:secret@${hostname}:${port}`;
}

describe('what can not be cancelled is told why, and with its outcome if it has one', () => {
  test('what was applied, rejected or has failed', async () => {
    const here = place();
    const producer = here.producer();
    await here.worker();
    await here.client.lpush(here.key('list'), 'x');
    const sent = await producer.submit([
      increment(here.key('n')),
      { operation: 'inventory.take', params: { key: here.key('stock'), quantity: 1, whenShort: 'reject' } },
    ]);
    const failing = await producer.submit(increment(here.key('list')), { priority: 1 });
    const outcomes = await Promise.all([...sent, failing].map((submission) => submission.outcome()));
    for (const [place_, { id }] of [...sent, failing].entries()) {
      const { code, outcome } = await refusalOf(producer.cancel(id));
      expect({ code, outcome }).toEqual({ code: 'NOT_CANCELLABLE', outcome: outcomes[place_] });
    }
    expect(outcomes.map(({ status }) => status)).toEqual(['applied', 'rejected', 'failed']);
  });

  test('one of several in a job, one that has begun, and one of a newer version', async () => {
    const here = place();
    const producer = here.producer();
    const queue = openQueue(here);
    const [shared] = await producer.submit([increment(here.key('n')), increment(here.key('n'))]);
    expect((await refusalOf(producer.cancel(shared.id))).message).toMatch(/shares job .* with 1 others/);

    const begun = await producer.submit(increment(here.key('n')), { delay: HOUR });
    await here.client.hset(`${here.partition.prefix}:counters:${begun.jobId}`, 'ats', '1');
    expect((await refusalOf(producer.cancel(begun.id))).message).toMatch(/has begun/);

    const newer = await producer.submit(increment(here.key('n')), { delay: HOUR });
    const job = await jobOf(queue, newer.jobId);
    await job.updateData({ ...(job.data as object), v: 99 });
    expect((await refusalOf(producer.cancel(newer.id))).message).toMatch(/newer version/);
    expect(await keysLike(here, `${here.namespace}*:job:*`)).toEqual([]);
  });

  test('an id that nobody has is not found', async () => {
    const here = place();
    const producer = here.producer();
    for (const id of ['019ae07c-0000-7000-8000-000000000000.0', 'nonsense', '']) {
      await expect(producer.cancel(id)).rejects.toMatchObject({ code: 'UPDATE_NOT_FOUND' });
    }
  });
});

describe('the idempotency key of a cancelled update', () => {
  const keyed = { idempotencyKey: 'order-7' };

  test('is used up: what is sent again under it is told so, and another update conflicts', async () => {
    const here = place();
    const producer = here.producer();
    await here.worker();
    const first = await producer.submit(increment(here.key('n')), { ...keyed, delay: HOUR });
    await producer.cancel(first.id);

    const again = await producer.submit(increment(here.key('n')), keyed);
    expect({ id: again.id, isRepeat: again.isRepeat }).toEqual({ id: first.id, isRepeat: true });
    expect(await again.outcome()).toEqual({ ...CANCELLED, duplicate: true });
    const other = await producer.submit(increment(here.key('n'), 6), keyed);
    expect(await other.outcome()).toMatchObject({ status: 'conflict' });
    expect(
      await (await producer.submit(increment(here.key('n')), { idempotencyKey: 'order-8' })).outcome(),
    ).toMatchObject({
      status: 'applied',
      result: { value: 5 },
    });
  });

  test('holds for another job of it that waits already', async () => {
    const here = place();
    const producer = here.producer();
    const [first, second] = [
      await producer.submit(increment(here.key('n')), { ...keyed, delay: HOUR }),
      await producer.submit(increment(here.key('n')), { ...keyed, priority: 1 }),
    ];
    await producer.cancel(first.id);
    await here.worker();
    expect(await second.outcome()).toEqual({ ...CANCELLED, duplicate: true });
    expect(await here.client.exists(here.key('n'))).toBe(0);
    await producer.cancel(second.id);
  });

  test('that another job has applied keeps an update from being cancelled', async () => {
    const here = place();
    const producer = here.producer();
    const waiting = await producer.submit(increment(here.key('n')), { ...keyed, delay: HOUR });
    const applied = await producer.submit(increment(here.key('n')), keyed);
    const other = await producer.submit(increment(here.key('n'), 6), { ...keyed, delay: HOUR });
    await here.worker();
    await applied.outcome();
    expect((await refusalOf(producer.cancel(waiting.id))).outcome).toEqual({
      status: 'applied',
      result: { value: 5, applied: 5 },
      duplicate: true,
    });
    expect((await refusalOf(producer.cancel(other.id))).outcome).toMatchObject({ status: 'conflict' });
    expect(await openQueue(here).getJobState(waiting.jobId)).toBe('delayed');
  });
});

test('cancel and worker race over many jobs: each is cancelled with nothing written, or applied and told so', async () => {
  const here = place();
  const producer = here.producer();
  await here.worker({ concurrency: 5 });
  const race = async (number: number) => {
    const key = here.key(`n-${number}`);
    const keyed = number % 3 === 0 && { idempotencyKey: key };
    const submission = await producer.submit(increment(key), { priority: 1, ...keyed });
    await wait((number % 20) / 2); // so that they meet
    const told = await producer.cancel(submission.id).then(
      () => 'cancelled',
      (error: unknown) => (error as NotCancellableError).code,
    );
    const { status } = await submission.outcome();
    return { told, status, value: await here.client.get(key) };
  };
  const ends: Awaited<ReturnType<typeof race>>[] = [];
  for (let first = 0; first < 600; first += 20) {
    ends.push(...(await Promise.all(Array.from({ length: 20 }, (_, place_) => race(first + place_)))));
  }
  for (const end of ends) {
    expect([
      { told: 'cancelled', status: 'cancelled', value: null },
      { told: 'NOT_CANCELLABLE', status: 'applied', value: '5' },
    ]).toContainEqual(end);
  }
  expect(new Set(ends.map(({ told }) => told)).size).toBe(2);
}, 60_000);

describe('a request to cancel that arrives late', () => {
  test('finds that its resend has cancelled, and that a worker was faster', async () => {
    const here = place();
    const proxy = await startProxy(here.redis);
    const producer = here.producer({ redis: proxy.url });
    const submission = await producer.submit(increment(here.key('n')), { delay: HOUR });
    const held = proxy.holdBack(CANCEL);
    await producer.cancel(submission.id);
    expect(held.isHeld()).toBe(true);
    await here.worker();
    expect(await submission.outcome()).toEqual(CANCELLED);
    await held.deliver();
    expect(await producer.find(submission.id)).toMatchObject({ outcome: CANCELLED });
  });

  test('writes nothing once the receipt of an applied job may be gone', async () => {
    const redis = await ownRedis();
    const here = place(redis.url);
    const proxy = await startProxy(here.redis);
    const submission = await here.producer().submit(increment(here.key('n')), { delay: HOUR });
    const producer = here.producer({ redis: proxy.url, submitTimeoutMs: 500 });
    await producer.find(submission.id); // connected
    const held = proxy.holdBack(CANCEL);
    const cancelling = producer.cancel(submission.id);
    await until('the request lingers', held.isHeld);
    await here.client.config('SET', 'maxmemory', '1mb'); // its resend is refused
    const error: unknown = await cancelling.then(
      () => undefined,
      (refusal: unknown) => refusal,
    );
    expect(error).toBeInstanceOf(QueueUnavailableError);
    expect((error as QueueUnavailableError).accepted).toBe('unknown');
    await here.client.config('SET', 'maxmemory', '0');
    const lingersSinceMs = performance.now();

    await here.worker({ lockDurationMs: 500, settledReceiptMs: 1_000, keepOutcomes: { ms: 1_000 } });
    const queue = openQueue(here);
    await (await jobOf(queue, submission.jobId)).promote();
    expect(await submission.outcome()).toMatchObject({ status: 'applied' });
    await until(
      'the job and its receipt are gone',
      async () => {
        const left = await keysLike(here, `*${submission.jobId}*`);
        return left.length === 0;
      },
      30_000,
    );
    await until('the time is over', () => performance.now() - lingersSinceMs > 6_000);
    await held.deliver();

    expect(await keysLike(here, `*${submission.jobId}*`)).toEqual([]);
    expect(await here.client.get(here.key('n'))).toBe('5');
  }, 60_000);
});

test('a user of Redis who may not write receipts cancels nothing, and is told by name', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const submission = await here.producer().submit(increment(here.key('n')), { delay: HOUR, idempotencyKey: 'k' });
  const rules = ['~*', '+@all'];
  for (const rule of ['-set', `%R~${here.namespace}:idem:*`]) {
    const keys = rule.startsWith('%R')
      ? [rule, `~${here.namespace}:job:*`, `~${here.prefix}:*`, '~*:announced']
      : ['~*'];
    await here.client.call(
      'ACL',
      'SETUSER',
      'app',
      'reset',
      'on',
      '>secret',
      rules[1]!,
      ...keys,
      ...(rule === '-set' ? [rule] : []),
    );
    const error: unknown = await here
      .producer({ redis: withUser(redis.url) })
      .cancel(submission.id)
      .then(
        () => undefined,
        (refusal: unknown) => refusal,
      );
    expect(error).toBeInstanceOf(RedisRefusedError);
    expect((error as RedisRefusedError).redisCode).toBe('NOPERM');
    expect(await keysLike(here, `${here.namespace}:job:*`)).toEqual([]);
    expect(await keysLike(here, `${here.namespace}:idem:*`)).toEqual([]);
  }
  expect(await openQueue(here).getJobState(submission.jobId)).toBe('delayed');
});
