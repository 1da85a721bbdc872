import { expect, expectTypeOf, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { createSubscriber, defineOperation } from '../../src/index.js';
import { energySpend } from '../../examples/energy-spend.js';
import { place, until } from '../support/tally.js';

// What the compiler says is checked by `npm run types`: each @ts-expect-error is an error where there is none.

test('the results of a transaction are those of its updates, in their order', async () => {
  const here = place();
  await here.worker();
  const submission = await here.producer().submit({
    operation: 'transaction',
    params: {
      updates: [
        { operation: 'inventory.restock', params: { key: here.key('stock'), quantity: 2 } },
        { operation: 'xp.award', params: { key: here.key('xp'), amount: 5, levels: [3] } },
      ],
    },
  });
  const outcome = await submission.outcome();
  if (outcome.status !== 'applied') {
    throw new Error(outcome.message);
  }
  const [stock, xp] = outcome.result.results;
  expectTypeOf(stock).toEqualTypeOf<{ available: number }>();
  expectTypeOf(xp).toEqualTypeOf<{ xp: number; level?: number; leveledUp?: boolean }>();
  expect([stock, xp]).toEqual([{ available: 2 }, { xp: 5, level: 1, leveledUp: true }]);
});

test('a transaction is rejected with one of the codes of its updates', async () => {
  const here = place();
  await here.worker();
  const submission = await here.producer().submit({
    delayMs: 5,
    priority: 1,
    operation: 'transaction',
    params: {
      updates: [
        { operation: 'inventory.take', params: { key: here.key('stock'), quantity: 2, whenShort: 'reject' } },
        { operation: 'counter.increment', params: { key: here.key('sales') } },
      ],
    },
  });
  const outcome = await submission.outcome();
  if (outcome.status !== 'rejected') {
    throw new Error(outcome.status);
  }
  expectTypeOf(outcome.reason).toEqualTypeOf<'INSUFFICIENT_STOCK' | 'LIMIT_REACHED' | 'TOO_LATE'>();
  expect(outcome.reason).toBe('INSUFFICIENT_STOCK');
});

test('several updates have each its own result and codes', async () => {
  const here = place();
  await here.worker({ operations: [energySpend] });
  const producer = here.producer({ operations: [energySpend] });
  const [sale, spent] = await producer.submit([
    { operation: 'inventory.take', params: { key: here.key('stock'), quantity: 1, whenShort: 'reject' } },
    { operation: 'energy.spend', params: { key: here.key('energy'), amount: 1 } },
  ]);
  const [one, other] = await Promise.all([sale.outcome(), spent.outcome()]);
  if (one.status !== 'rejected' || other.status !== 'rejected') {
    throw new Error(`${one.status}, ${other.status}`);
  }
  expectTypeOf(one.reason).toEqualTypeOf<'INSUFFICIENT_STOCK'>();
  expectTypeOf(other.reason).toEqualTypeOf<'NOT_ENOUGH_ENERGY'>();
  expect([one.reason, other.reason]).toEqual(['INSUFFICIENT_STOCK', 'NOT_ENOUGH_ENERGY']);
});

test('a subscriber is told the result and the codes of each operation as its own', async () => {
  const here = place();
  const { redis, namespace, prefix, logger } = here;
  await here.worker({ operations: [energySpend], outcomes: true });
  const heard: unknown[] = [];
  const subscriber = createSubscriber({
    ...{ redis, namespace, prefix, logger },
    group: 'typed',
    start: 'beginning',
    operations: [energySpend],
    onOutcome: ({ data }) => {
      if (data.operation === 'inventory.restock' && data.status === 'applied') {
        expectTypeOf(data.result).toEqualTypeOf<{ available: number }>();
        heard.push(data.result.available);
      } else if (data.operation === 'energy.spend' && data.status === 'rejected') {
        expectTypeOf(data.reason).toEqualTypeOf<'NOT_ENOUGH_ENERGY'>();
        heard.push(data.reason);
      }
    },
  });
  onTestFinished(() => subscriber.close());
  const producer = here.producer({ operations: [energySpend] });
  await producer.inventory.restock({ key: here.key('stock'), quantity: 2 });
  await producer.submit({ operation: 'energy.spend', params: { key: here.key('energy'), amount: 1 } });
  await until('both are told', () => heard.length === 2);
  expect(heard.sort()).toEqual([2, 'NOT_ENOUGH_ENERGY']);
});

test('a list of updates that is made at run time is taken, too', async () => {
  const here = place();
  await here.worker();
  const submissions = await here
    .producer()
    .submit(
      ['a', 'b'].map((name) => ({ operation: 'counter.increment' as const, params: { key: here.key(name), by: 2 } })),
    );
  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));
  expect(outcomes.map((outcome) => (outcome.status === 'applied' ? outcome.result.value : outcome.reason))).toEqual([
    2, 2,
  ]);
});

test('what is wrong does not compile, and is refused', async () => {
  const producer = place().producer();
  const key = 'k';
  const wrong = [
    // @ts-expect-error no such operation
    () => producer.submit({ operation: 'counter.inc', params: { key } }),
    // @ts-expect-error no such param
    () => producer.submit({ operation: 'counter.increment', params: { key, times: 2 } }),
    // @ts-expect-error a text is no number
    () => producer.submit([{ operation: 'counter.increment', params: { key, by: '2' } }]),
    () =>
      // @ts-expect-error no such operation, among others
      producer.submit([
        { operation: 'counter.increment', params: { key } },
        { operation: 'xp.give', params: { key } },
      ]),
    () =>
      // @ts-expect-error no such param, among others
      producer.submit([
        { operation: 'counter.increment', params: { key } },
        { operation: 'xp.award', params: { key, by: 1 } },
      ]),
    () =>
      producer.submit({
        // @ts-expect-error no such operation in a transaction
        operation: 'transaction',
        params: {
          updates: [
            { operation: 'counter.increment', params: { key } },
            { operation: 'counter.inc', params: { key } },
          ],
        },
      }),
    () =>
      producer.submit({
        // @ts-expect-error no such param in a transaction
        operation: 'transaction',
        params: {
          updates: [
            { operation: 'xp.award', params: { key, amount: 1 } },
            { operation: 'counter.increment', params: { key, amount: 1 } },
          ],
        },
      }),
    () =>
      // @ts-expect-error no such param in a transaction of several
      producer.submit([
        {
          operation: 'transaction',
          params: {
            updates: [
              { operation: 'counter.increment', params: { key, times: 1 } },
              { operation: 'counter.increment', params: { key } },
            ],
          },
        },
      ]),
    // @ts-expect-error what Tally adds is not a caller's to give
    () => producer.counters.increment({ key, bucket: 'day', placed: { bucket: '2026-11-27' } }),
  ];
  for (const submit of wrong) {
    await expect((async () => submit())()).rejects.toThrow(
      /unknown|did you mean|must be|missing|expected|is said by Tally|quantity|amount/i,
    );
  }
});

test('an operation of the user has the codes that it names, or any', async () => {
  const lua = "return function() return nil, 'CLOSED' end";
  const base = {
    params: z.strictObject({ key: z.string() }),
    cells: (cell: { key: string }) => [cell],
    lua,
    result: () => ({}),
  };
  const shop = defineOperation({
    ...base,
    name: 'shop.buy',
    rejections: { CLOSED: () => ({ message: 'it is closed' }) },
  });
  const bar = defineOperation({ ...base, name: 'bar.buy' });
  const here = place();
  await here.worker({ operations: [shop, bar] });
  const producer = here.producer({ operations: [shop, bar] });
  const key = here.key('k');
  const [one, other] = await producer.submit([
    { operation: 'shop.buy', params: { key } },
    { operation: 'bar.buy', params: { key } },
  ]);
  const outcomes = [await one.outcome(), await other.outcome()] as const;
  if (outcomes[0].status !== 'rejected' || outcomes[1].status !== 'rejected') {
    throw new Error('it is applied');
  }
  expectTypeOf(outcomes[0].reason).toEqualTypeOf<'CLOSED'>();
  expectTypeOf(outcomes[1].reason).toEqualTypeOf<string>();
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});
