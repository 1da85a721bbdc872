import { expect, test } from 'vitest';
import { luaSource } from '../../src/redis/lua-source.js';
import { place } from '../support/tally.js';

const BEFORE = '{"v":2,"sentAtMs":5,"windowMs":6,"idempotencyKeys":{"0":"k"},"updates":[{"key":"a"}]}';
const AFTER = BEFORE.replace('"sentAtMs":5', '"sentAtMs":9');

/** A job in a place of its own, and the script called for it as it was found. */
function begin() {
  const { client, partition } = place();
  const start = `${partition.prefix}:counters`;
  const [job, failed, lock] = [`${start}:j`, `${start}:failed`, `${start}:j:lock`];
  const put = (state: 'failed' | 'waiting') =>
    client.eval(luaSource('readmit'), 3, job, failed, lock, 'j', state, BEFORE, AFTER);
  return { client, job, failed, lock, put };
}

test.each(['failed', 'waiting'] as const)(
  'a %s job that is as it was read gets the other data, and keeps all else',
  async (state) => {
    const { client, job, failed, put } = begin();
    await client.hset(job, 'data', BEFORE, 'name', 'counter.increment');
    if (state === 'failed') {
      await client.hset(job, 'finishedOn', 7);
      await client.zadd(failed, 7, 'j');
    }
    const before = await client.hgetall(job);

    expect(await put(state)).toBe(1);
    expect(await client.hgetall(job)).toEqual({ ...before, data: AFTER });
  },
);

test('one that was edited, retried, taken by a worker, ended or removed since is left as it is', async () => {
  const { client, job, failed, lock, put } = begin();
  expect(await put('waiting'), 'removed').toBe(0);
  await client.hset(job, 'data', BEFORE);
  expect(await put('failed'), 'retried').toBe(0);
  await client.set(lock, 'a worker');
  expect(await put('waiting'), 'taken').toBe(0);
  await client.del(lock);
  await client.hset(job, 'finishedOn', 7);
  expect(await put('waiting'), 'ended').toBe(0);
  await client.zadd(failed, 7, 'j');
  await client.hset(job, 'data', `${BEFORE} `);
  expect(await put('failed'), 'edited').toBe(0);
  expect(await client.hgetall(job)).toEqual({ data: `${BEFORE} `, finishedOn: '7' });
});
