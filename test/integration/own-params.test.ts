import { expect, test } from 'vitest';
import { z } from 'zod';
import { createWorker, defineOperation, ValidationError } from '../../src/index.js';
import { place } from '../support/tally.js';

const lua = 'return function(cells, args) return { cells[1] + 1 }, { cells[1] + 1 } end';

/** An operation of the user's own with one cell, and whatever else in its params. */
function logging(shape: z.ZodRawShape) {
  return defineOperation({
    name: 'log.add',
    params: z.object({ key: z.string(), ...shape }),
    cells: ({ key }) => [{ key }],
    args: () => [],
    lua,
    result: ([value = 0]) => ({ value }),
  });
}

function world(shape: z.ZodRawShape) {
  const here = place();
  const operations = [logging(shape)];
  const producer = here.producer({ operations });
  const submit = (params: object) =>
    producer.submit({ operation: 'log.add', params: { key: here.key('n'), ...params } } as never);
  return { here, operations, producer, submit };
}

const circular: { self?: unknown } = {};
circular.self = circular;

test('params that JSON does not hold are refused by themselves, and harm nobody who is sent beside them', async () => {
  const { here, operations, submit } = world({ meta: z.unknown() });
  await here.worker({ operations });
  const unfit = [
    10n,
    circular,
    new Date(),
    Infinity,
    Symbol('x'),
    () => 1,
    [undefined],
    new Map(),
    { at: new Date() },
    undefined,
  ];
  const refused = unfit.map((meta) => submit({ meta }).catch((error: unknown) => error));
  const fit = ['fine', { list: [1, { a: null }], none: undefined }].map((meta) => submit({ meta }));
  const outcomes = await Promise.all(fit.map(async (sent) => (await sent).outcome()));
  expect(outcomes.map(({ status }) => status)).toEqual(['applied', 'applied']);
  for (const error of await Promise.all(refused)) {
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ issues: [{ path: 'params', code: 'INVALID_PARAMS' }] });
  }
});

test('a schema whose output no job holds is refused when it is used', async () => {
  const { submit } = world({ at: z.date() });
  await expect(submit({ at: new Date() })).rejects.toThrow('may hold what JSON does, and nothing else');
});

test('what its caller changes after it was submitted is no more of the update', async () => {
  const { here, operations, submit } = world({ meta: z.unknown() });
  const meta = { tries: 0 };
  const submitting = submit({ meta });
  meta.tries += 1;
  const sent = await submitting;
  meta.tries += 1;
  await here.worker({ operations });
  expect(await sent.outcome()).toMatchObject({ status: 'applied' });
});

test('a zero with a sign is the same under the same idempotency key', async () => {
  const here = place();
  await here.worker();
  const { xp } = here.producer();
  const take = (min: number) => xp.take({ key: here.key('xp'), amount: 1, min }, { idempotencyKey: 'once' });
  const first = await (await take(-0)).outcome();
  expect(await (await take(-0)).outcome()).toEqual({ ...first, duplicate: true });
  expect(await (await take(0)).outcome()).toEqual({ ...first, duplicate: true });
});

test('what names cells, or checks params, and throws refuses its own update, with its words', async () => {
  const here = place();
  const odd = defineOperation({
    name: 'odd.add',
    params: z
      .object({ key: z.number(), n: z.string().optional() })
      .refine((params) => params.n!.length > 1, 'n is too short'),
    cells: ({ key }) => [{ key: key as unknown as string }],
    args: () => [],
    lua,
    result: () => ({}),
  });
  const odds = here.producer({ operations: [odd] });
  const submit = (params: unknown) => odds.submit({ operation: 'odd.add', params } as never);
  await expect(submit({ key: 5 })).rejects.toThrow(/odd\.add can't check them: Cannot read/);
  await expect(submit({ key: 5, n: 'long' })).rejects.toBeInstanceOf(ValidationError);
});

test("a bucket of an operation of one's own can be scheduled; cron has no H", async () => {
  const { here, producer } = world({ bucket: z.string() });
  const update = { operation: 'log.add', params: { key: here.key('n'), bucket: 'gold' } } as never;
  expect(await producer.schedules.put({ id: 'own', cron: '0 0 * * *', update })).toMatchObject({ id: 'own' });
  await expect(producer.schedules.put({ id: 'h', cron: 'H H * * *', update })).rejects.toThrow('must not hold H');
  expect(await producer.schedules.put({ id: 'thu', cron: '0 0 * MAR THU', update })).toMatchObject({ id: 'thu' });
  const within = (params: object) => {
    const updates = [
      { operation: 'counter.increment', params: { key: here.key('n') } },
      { operation: 'log.add', params },
    ];
    return { operation: 'transaction', params: { updates } } as never;
  };
  const fit = within({ key: here.key('n'), bucket: 'gold' });
  await expect(producer.schedules.put({ id: 'b', everyMs: 3_600_000, update: fit })).resolves.toMatchObject({
    id: 'b',
  });
  const ours = { operation: 'counter.increment', params: { key: here.key('n'), bucket: 'day' } } as const;
  await expect(producer.schedules.put({ id: 'ours', cron: '0 0 * * *', update: ours })).rejects.toThrow(
    'update.params.bucket',
  );
});

test('a plan rejects by whatever code, in the words of its operation', async () => {
  const here = place();
  const redeem = defineOperation({
    name: 'coupon.redeem',
    params: z.object({ key: z.string() }),
    cells: ({ key }) => [{ key }],
    args: () => [],
    lua: `return function() return nil, 'TOO_OLD', { 7 } end`,
    result: () => ({}),
    rejections: { TOO_OLD: ([days = 0]) => ({ message: `the coupon is ${days} days too old`, days }) },
  });
  await here.worker({ operations: [redeem] });
  const producer = here.producer({ operations: [redeem] });
  const sent = await producer.submit({ operation: 'coupon.redeem', params: { key: here.key('c') } });
  expect(await sent.outcome()).toEqual({
    ...{ status: 'rejected', reason: 'TOO_OLD', message: 'the coupon is 7 days too old', days: 7 },
  });
});

test('a worker with a queue that nobody uses opens nothing before it says so', async () => {
  const here = place();
  const { redis, namespace, prefix, logger } = here;
  const opened = () => process.getActiveResourcesInfo().filter((what) => what === 'TCPSocketWrap').length;
  await here.client.ping();
  const before = opened();
  expect(() => createWorker({ redis, namespace, prefix, logger, queues: ['nope'] })).toThrow(
    'no operation uses the queue "nope"',
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(opened()).toBe(before);
});

test('params of a custom operation within a transaction are what JSON holds, too', async () => {
  const { here, producer } = world({ meta: z.unknown() });
  const own = { operation: 'log.add', params: { key: here.key('n'), meta: new Date() } };
  const ours = { operation: 'counter.increment', params: { key: here.key('n') } };
  const submitting = producer.submit({ operation: 'transaction', params: { updates: [ours, own] } } as never);
  await expect(submitting).rejects.toThrow('may hold what JSON does, and nothing else');
});
