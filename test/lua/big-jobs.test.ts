import { expect, test } from 'vitest';
import { setup } from './setup.js';

const range = (length: number) => Array.from({ length }, (_none, index) => index);

test('a job of 1,000 updates on 1,000 keys, half of them with idempotency keys, applies', async () => {
  const { client, key, apply } = setup();
  const updates = range(1000).map((n) => ({
    operation: 'counter.increment',
    params: { key: key(`n${n}`), by: n + 1 },
    ...(n % 2 === 0 && { idempotencyKey: `k${n}` }),
  }));

  const outcomes = await apply(updates);
  const again = await apply(updates);

  expect(outcomes).toEqual(range(1000).map((n) => ({ status: 'applied', result: { value: n + 1, applied: n + 1 } })));
  expect(again[0]).toEqual({ status: 'applied', result: { value: 1, applied: 1 }, duplicate: true });
  expect(again[999]).toEqual({ status: 'applied', result: { value: 2000, applied: 1000 } });
  expect(await client.mget(range(1000).map((n) => key(`n${n}`)))).toEqual(
    range(1000).map((n) => String(n % 2 === 0 ? n + 1 : 2 * (n + 1))),
  );
});

test('100 carts of 100 items each apply in one job, on 10,000 keys', async () => {
  const { client, key, apply } = setup();
  const keys = range(10_000).map((n) => key(`i${n}`));
  await client.mset(new Map(keys.map((name, n) => [name, n + 10])));

  const outcomes = await apply(
    range(100).map((cart) => ({
      operation: 'inventory.takeAll',
      params: { items: range(100).map((item) => ({ key: keys[cart * 100 + item], quantity: 10 })) },
    })),
  );

  expect(outcomes.every(({ status }) => status === 'applied')).toBe(true);
  expect(await client.mget(keys)).toEqual(keys.map((_key, n) => String(n)));
});

test.each([
  { what: 'hash', name: 'field' },
  { what: 'sorted set', name: 'member' },
])('5,000 cells of one $what change in one job', async ({ name }) => {
  const { client, key, apply } = setup();
  const updates = range(50).map((update) => ({
    operation: 'scores.add',
    params: {
      entries: range(100).map((n) => ({
        key: key('big'),
        [name]: `n${update * 100 + n}`,
        by: update * 100 + n - 2500,
      })),
    },
  }));

  const outcomes = await apply([...updates, ...updates]);

  expect(outcomes.every(({ status }) => status === 'applied')).toBe(true);
  const names = range(5000).map((n) => `n${n}`);
  const values = name === 'field' ? await client.hmget(key('big'), ...names) : await client.zmscore(key('big'), names);
  expect(values).toEqual(range(5000).map((n) => String(2 * (n - 2500))));
});

test('a transaction of 20 carts of 100 items applies, or not at all', async () => {
  const { client, key, applyOne } = setup();
  const keys = range(2000).map((n) => key(`i${n}`));
  await client.mset(new Map(keys.map((name) => [name, 1])));
  const transaction = {
    operation: 'transaction',
    params: {
      updates: range(20).map((cart) => ({
        operation: 'inventory.takeAll',
        params: { items: range(100).map((item) => ({ key: keys[cart * 100 + item], quantity: 1 })) },
      })),
    },
  };
  await client.set(keys[1999]!, 0);

  expect(await applyOne(transaction)).toMatchObject({ status: 'rejected', update: 19, short: [{ key: keys[1999] }] });
  expect((await client.mget(keys)).filter((value) => value === '1')).toHaveLength(1999);
  await client.set(keys[1999]!, 1);
  expect(await applyOne(transaction)).toMatchObject({ status: 'applied' });
  expect((await client.mget(keys)).filter((value) => value === '0')).toHaveLength(2000);
});
