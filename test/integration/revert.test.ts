import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { cellObject, defineOperation } from '../../src/index.js';
import { jobOf, openQueue } from '../support/queues.js';
import { refusalOf, send } from '../support/reverting.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const HOUR = 3_600_000;

const valuesOf = (here: Place, ...keys: string[]) => Promise.all(keys.map((key) => here.client.get(key)));

async function begin() {
  const here = place();
  const producer = here.producer();
  await here.worker();
  /** Submits, reverts twice, and tells what came of all three. */
  const thereAndBack = async (operation: string, params: object) => {
    const submission = await send(producer, operation, params);
    const done = await submission.outcome();
    const back = await (await producer.revert(submission.id)).outcome();
    const again = await (await producer.revert(submission.id)).outcome();
    return { done, back, again };
  };
  return { here, producer, thereAndBack };
}

describe('what was applied is taken back exactly, and once', () => {
  const CASES: [what: string, operation: string, params: (key: string) => object, before?: string][] = [
    ['an increment', 'counter.increment', (key) => ({ key, by: 7 }), '10'],
    ['an increment with a limit that is reached since', 'counter.increment', (key) => ({ key, by: 7, max: 20 }), '10'],
    [
      'what fitted of an increment',
      'counter.increment',
      (key) => ({ key, by: 7, max: 12, whenOver: 'saturate' }),
      '10',
    ],
    ['a decrement', 'counter.decrement', (key) => ({ key, by: 7, min: 0 }), '10'],
    ['what fitted of a decrement', 'counter.decrement', (key) => ({ key, by: 7, min: 5, whenOver: 'saturate' }), '10'],
    ['what was there of stock', 'inventory.take', (key) => ({ key, quantity: 20 }), '10'],
    ['stock that came in', 'inventory.restock', (key) => ({ key, quantity: 5 }), '10'],
    ['XP', 'xp.award', (key) => ({ key, amount: 5, levels: [12] }), '10'],
    ['XP that was taken', 'xp.take', (key) => ({ key, amount: 50, min: 3 }), '10'],
  ];

  test.each(CASES)('%s', async (_what, operation, params, before = '0') => {
    const { here, thereAndBack } = await begin();
    const key = here.key('n');
    await here.client.set(key, before);
    const { done, back, again } = await thereAndBack(operation, params(key));
    expect(done.status).toBe('applied');
    expect(await here.client.get(key)).toBe(before);
    expect(again).toEqual({ ...back, duplicate: true });
    expect(back.status).toBe('applied');
  });

  test('a field, a member, a cart, and several scores with a bucket', async () => {
    const { here, thereAndBack } = await begin();
    const [hash, board, one, two] = ['hash', 'board', 'one', 'two'].map((name) => here.key(name)) as [
      string,
      string,
      string,
      string,
    ];
    await here.client.hset(hash, 'f', 3);
    await here.client.zadd(board, 3, 'ann');
    await here.client.mset(one, 5, two, 6);
    await thereAndBack('counter.increment', { key: hash, field: 'f', by: 4 });
    expect(await here.client.hget(hash, 'f')).toBe('3');
    await thereAndBack('counter.decrement', { key: board, member: 'ann', by: 4 });
    expect(await here.client.zscore(board, 'ann')).toBe('3');
    const cart = await thereAndBack('inventory.takeAll', {
      items: [
        { key: one, quantity: 5 },
        { key: two, quantity: 1 },
      ],
    });
    expect(cart.done).toMatchObject({ status: 'applied' });
    expect(await valuesOf(here, one, two)).toEqual(['5', '6']);
    const entries = [
      { key: board, member: 'bob', by: 9 },
      { key: board, member: 'eve', by: -2 },
      { key: one, by: 0 },
    ];
    const scores = await thereAndBack('scores.add', { entries, bucket: 'day', keepBuckets: 30 });
    expect(scores.back).toMatchObject({ status: 'applied', result: { scores: [{ value: 0 }, { value: 0 }] } });
  });

  test('in the bucket in which it counted, whenever that was', async () => {
    const { here, producer } = await begin();
    const key = here.key('views');
    const at = '2026-10-25T00:30:00Z'; // the first of the two hours from 2 to 3 o'clock
    for (const params of [
      { key, by: 3, bucket: 'hour', timeZone: 'Europe/Berlin', at },
      { key, by: 3, bucket: 'day', keepBuckets: 400, lateBySeconds: 31_536_000, at },
    ]) {
      const sent = await send(producer, 'counter.increment', params);
      expect(await sent.outcome()).toMatchObject({ status: 'applied', result: { value: 3 } });
      expect(await (await producer.revert(sent.id)).outcome()).toMatchObject({
        status: 'applied',
        result: { value: 0 },
      });
    }
  });

  test('one of a batch, and nothing else of it', async () => {
    const { here, producer } = await begin();
    const key = here.key('n');
    const sent = await producer.submit(
      [1, 10, 100].map((by) => ({ operation: 'counter.increment' as const, params: { key, by } })),
    );
    await Promise.all(sent.map((submission) => submission.outcome()));
    expect(new Set(sent.map(({ jobId }) => jobId)).size).toBe(1);
    await (await producer.revert(sent[1]!.id)).outcome();
    expect(await here.client.get(key)).toBe('101');
  });

  test('of a transaction: all its updates, the last one first, in one step', async () => {
    const { here, producer, thereAndBack } = await begin();
    const [stock, xp, sales] = ['stock', 'xp', 'sales'].map((name) => here.key(name)) as [string, string, string];
    // Taken back in the order in which they were done, there would be no stock to take the delivery from.
    const updates = [
      { operation: 'inventory.restock', params: { key: stock, quantity: 5 } },
      { operation: 'inventory.take', params: { key: stock, quantity: 5 } },
      { operation: 'inventory.take', params: { key: stock, quantity: 5 } },
      { operation: 'xp.award', params: { key: xp, amount: 50 } },
      { operation: 'counter.increment', params: { key: sales } },
    ];
    const { back } = await thereAndBack('transaction', { updates });
    expect(back).toMatchObject({
      status: 'applied',
      result: { results: [{ value: 0 }, { xp: 0 }, { available: 5 }, { available: 0 }] },
    });
    expect(await valuesOf(here, stock, xp, sales)).toEqual(['0', '0', '0']);

    const set = { operation: 'counter.set', params: { key: sales, value: 3 } };
    const sent = await send(producer, 'transaction', { updates: [updates[0], set] });
    await sent.outcome();
    expect((await refusalOf(producer.revert(sent.id))).message).toMatch(
      /update 1 of the transaction: counter\.set has no inverse/,
    );
    expect(await valuesOf(here, stock, sales)).toEqual(['5', '3']);
  });

  test('by an operation of the user, which says its inverse', async () => {
    const here = place();
    const energy = (name: string, sign: number, other: string) =>
      defineOperation({
        name: `energy.${name}`,
        params: cellObject({ amount: z.int() }),
        cells: (params) => [params],
        args: ({ amount }) => [amount],
        lua: `return function(cells, args) return { cells[1] + ${sign} * args[1] }, { args[1] } end`,
        result: ([done = 0]) => ({ done }),
        revert: ({ key }, { done }) => ({ operation: `energy.${other}`, params: { key, amount: done } }),
      });
    const operations = [energy('spend', -1, 'gain'), energy('gain', 1, 'lose')];
    const producer = here.producer({ operations });
    await here.worker({ operations });
    const key = here.key('energy');
    const sent = await send(producer, 'energy.spend', { key, amount: 4 });
    await sent.outcome();
    const back = await producer.revert(sent.id);
    expect(await back.outcome()).toEqual({ status: 'applied', result: { done: 4 } });
    expect(await here.client.get(key)).toBe('0');
    expect((await refusalOf(producer.revert(back.id))).message).toMatch(
      /its inverse is not valid: .*unknown operation "energy\.lose"/,
    );
  });

  test('a revert can be reverted, and that does it anew: once', async () => {
    const { here, producer } = await begin();
    const key = here.key('n');
    const sent = await producer.counters.increment({ key, by: 5 });
    await sent.outcome();
    const back = await producer.revert(sent.id);
    await back.outcome();
    for (const _ of ['once', 'twice']) {
      await (await producer.revert(back.id)).outcome();
    }
    expect(await here.client.get(key)).toBe('5');
    await (await producer.revert(sent.id)).outcome(); // it is reverted already
    expect(await here.client.get(key)).toBe('5');
  });
});

describe('however often and by whomever it is asked for', () => {
  test('twenty at a time, from several producers with windows and owners of their own', async () => {
    const { here, producer } = await begin();
    const key = here.key('n');
    const sent = await producer.counters.increment({ key, by: 5 });
    await sent.outcome();
    const producers = [
      producer,
      here.producer({ idempotencyWindowMs: 60_000, idempotencyOwner: 'shop' }),
      here.producer({ idempotencyWindowMs: 90 * 24 * HOUR }),
    ];
    const backs = await Promise.all(Array.from({ length: 20 }, (_, place_) => producers[place_ % 3]!.revert(sent.id)));
    await Promise.all(backs.map((back) => back.outcome()));
    expect(await here.client.get(key)).toBe('0');
  });

  test('by an id that is written in another way', async () => {
    const { here, producer } = await begin();
    const key = here.key('n');
    const sent = await producer.counters.increment({ key, by: 5 });
    await sent.outcome();
    await (await producer.revert(sent.id)).outcome();
    const back = await producer.revert(sent.id.replace(/0$/, '000'));
    expect(await back.outcome()).toMatchObject({ duplicate: true });
    expect(await here.client.get(key)).toBe('0');
  });

  test('of a duplicate: the first update is reverted, once', async () => {
    const { here, producer } = await begin();
    const key = here.key('n');
    const update = [
      { key, by: 5 },
      { idempotencyKey: 'order-7', priority: 1 },
    ] as const;
    const queue = openQueue(here);
    await queue.pause(); // so that neither is known when the other is sent
    const [one, two] = [await producer.counters.increment(...update), await producer.counters.increment(...update)];
    await queue.resume();
    const outcomes = [await one.outcome(), await two.outcome()];
    expect(outcomes.filter((outcome) => 'duplicate' in outcome)).toHaveLength(1);
    for (const { id } of [one, two, one]) {
      await (await producer.revert(id)).outcome();
    }
    expect(await here.client.get(key)).toBe('0');
  });

  test('a caller whose idempotency key is the id of an update is in nobody’s way', async () => {
    const { here, producer } = await begin();
    const key = here.key('n');
    const sent = await producer.counters.increment({ key, by: 5 });
    await sent.outcome();
    await (await producer.counters.decrement({ key, by: 1 }, { idempotencyKey: sent.id })).outcome();
    expect(await (await producer.revert(sent.id)).outcome()).toMatchObject({
      status: 'applied',
      result: { value: -1 },
    });
    expect(() => here.producer({ idempotencyOwner: 'tally:revert' })).toThrow(/which Tally itself uses/);
    const question = { operation: 'counter.decrement', idempotencyKey: sent.id, idempotencyOwner: 'tally:revert', key };
    expect(await producer.findByKey(question)).toMatchObject({ status: 'applied' });
  });

  test('what was sold meanwhile is not taken off the shelf, and the answer stays', async () => {
    const { here, producer } = await begin();
    const key = here.key('stock');
    const sent = await producer.inventory.restock({ key, quantity: 5 });
    await sent.outcome();
    await here.client.set(key, 3);
    const refused = { status: 'rejected', reason: 'INSUFFICIENT_STOCK' };
    expect(await (await producer.revert(sent.id)).outcome()).toMatchObject(refused);
    await here.client.set(key, 9);
    expect(await (await producer.revert(sent.id)).outcome()).toMatchObject({ ...refused, duplicate: true });
    expect(await here.client.get(key)).toBe('9');
  });
});

describe('what can not be reverted is told why', () => {
  const NONE: [operation: string, params: (key: string) => object, why: RegExp][] = [
    ['counter.set', (key) => ({ key, value: 3 }), /counter\.set has no inverse/],
    ['counter.remove', (key) => ({ key }), /counter\.remove has no inverse/],
    ['inventory.count', (key) => ({ key, counted: 3, of: 'available' }), /inventory\.count has no inverse/],
    [
      'inventory.reserve',
      (key) => ({ key, quantity: 1, reservation: 'r', ttlSeconds: 60 }),
      /inventory\.reserve has no inverse/,
    ],
    ['scores.best', (key) => ({ key, value: 3 }), /scores\.best has no inverse/],
    ['inventory.take', (key) => ({ key: `${key}-none`, quantity: 3 }), /it changed nothing/],
    ['scores.add', (key) => ({ entries: [{ key, by: 0 }] }), /it changed nothing/],
    ['counter.increment', (key) => ({ key: `${key}-quota`, ttlSeconds: 60 }), /has a life \(ttlSeconds\)/],
    ['counter.decrement', (key) => ({ key, bucket: 'day', ttlSeconds: 60 }), /has a life \(ttlSeconds\)/],
    [
      'inventory.takeAll',
      (key) => ({
        items: Array.from({ length: 21 }, (_, n) => ({ key: `${key}-${n % 2}`, field: String(n), quantity: 1 })),
      }),
      /it takes 21 updates, and a transaction holds 20/,
    ],
  ];

  test.each(NONE)('%s', async (operation, params, why) => {
    const { here, producer } = await begin();
    const key = here.key('n');
    await here.client.set(key, 10);
    for (let n = 0; n < 21; n += 1) {
      await here.client.hset(`${key}-${n % 2}`, String(n), 5);
    }
    const sent = await send(producer, operation, params(key));
    expect(await sent.outcome()).toMatchObject({ status: 'applied' });
    const { code, message, outcome } = await refusalOf(producer.revert(sent.id));
    expect({ code, outcome }).toEqual({ code: 'NOT_REVERTIBLE', outcome: undefined });
    expect(message).toMatch(why);
  });

  test('what waits, was rejected, has failed or was cancelled', async () => {
    const { here, producer } = await begin();
    await here.client.lpush(here.key('list'), 'x');
    const increment = { operation: 'counter.increment', params: { key: here.key('n') } } as const;
    const waiting = await producer.submit(increment, { delay: HOUR });
    const cancelled = await producer.submit(increment, { delay: HOUR });
    await producer.cancel(cancelled.id);
    const rejected = await producer.inventory.take({ key: here.key('stock'), quantity: 1, whenShort: 'reject' });
    const failed = await producer.counters.increment({ key: here.key('list') });
    expect((await refusalOf(producer.revert(waiting.id))).message).toMatch(/not applied so far/);
    for (const sent of [cancelled, rejected, failed]) {
      const known = await sent.outcome();
      const { outcome, message } = await refusalOf(producer.revert(sent.id));
      expect(outcome).toEqual(known);
      expect(message).toMatch(/it is (cancelled|rejected|failed) \([A-Z_]+\)/);
    }
    expect(await here.client.exists(here.key('n'))).toBe(0);
  });

  test('what another program completed, or whose updates someone changed', async () => {
    const here = place();
    const producer = here.producer();
    const sent = await producer.counters.increment({ key: here.key('n') });
    const worker = await here.worker();
    await sent.outcome();
    await worker.close();
    const job = await jobOf(openQueue(here), sent.jobId);
    await job.updateData({ ...(job.data as object), updates: [{ key: here.key('n'), by: 100 }] });
    expect((await refusalOf(producer.revert(sent.id))).outcome).toMatchObject({ status: 'unknown', reason: 'EDITED' });
  });

  test('an id that nobody has is not found, and one that is too old to be known is forgotten', async () => {
    const { producer } = await begin();
    for (const id of ['nonsense', '', 'ffffffff-0000-7000-8000-000000000000.0']) {
      await expect(producer.revert(id)).rejects.toMatchObject({ code: 'UPDATE_NOT_FOUND' });
    }
    expect((await refusalOf(producer.revert('01900000-0000-7000-8000-000000000000.0'))).message).toMatch(
      /kept no more/,
    );
  });
});
