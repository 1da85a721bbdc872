import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ValidationError } from '../../src/errors.js';
import { defineOperation } from '../../src/operations/operation.js';
import { createApplier } from '../support/script.js';
import { place } from '../support/tally.js';
import { FAULTS, plan } from './faulty-plans.js';
import { redisOfThisFile } from './redis-of-this-file.js';
import { takeSnapshot } from './snapshot.js';

const redis = redisOfThisFile();

/** A custom operation on one key, with this plan. */
function withPlan(lua: string, ttlSeconds?: () => number) {
  return defineOperation({
    name: 'custom.plan',
    params: z.strictObject({ key: z.string() }),
    cells: ({ key }) => [{ key }],
    args: () => [7, true],
    lua,
    result: (numbers) => numbers,
    ...(ttlSeconds && { ttlSeconds }),
  });
}

describe('a custom plan', () => {
  test.each(Object.entries(FAULTS))('that %s writes nothing and fails with PLAN_ERROR', async (_what, lua) => {
    const here = place(redis.url);
    const { applyOne } = createApplier(here, { operations: [withPlan(lua)] });
    const update = { operation: 'custom.plan', params: { key: here.key('n') }, idempotencyKey: 'k' };
    const transaction = {
      operation: 'transaction',
      params: {
        updates: [
          { operation: 'counter.increment', params: { key: here.key('n') } },
          { operation: 'custom.plan', params: { key: here.key('n') } },
        ],
      },
    };
    const before = await takeSnapshot(here.client);

    const outcome = await applyOne(update);
    const outcomeInTransaction = await applyOne(transaction);

    expect(await takeSnapshot(here.client)).toEqual(before);
    expect(outcome).toMatchObject({ status: 'failed', reason: 'PLAN_ERROR' });
    expect(outcome).toHaveProperty('message', expect.stringMatching(/^the Lua plan of custom.plan failed: ./));
    expect(outcomeInTransaction).toMatchObject({ status: 'failed', reason: 'PLAN_ERROR', update: 1 });
  });

  test('that returns infinity as a value is out of range', async () => {
    const here = place();
    const { applyOne } = createApplier(here, { operations: [withPlan(plan(`return { -math.huge }, {}`))] });

    const outcome = await applyOne({ operation: 'custom.plan', params: { key: here.key('n') } });

    expect(outcome).toMatchObject({ status: 'failed', reason: 'OUT_OF_RANGE' });
    expect(await here.client.exists(here.key('n'))).toBe(0);
  });

  test('that fails for one update of a batch leaves the others alone', async () => {
    const here = place();
    const lua = plan(`if cells[1] > 0 then error('boom') end return { 5 }, { 5 }`);
    const { apply } = createApplier(here, { operations: [withPlan(lua)] });
    await here.client.set(here.key('full'), 1);

    const outcomes = await apply(
      ['a', 'full', 'b'].map((name) => ({ operation: 'custom.plan', params: { key: here.key(name) } })),
    );

    expect(outcomes).toMatchObject([
      { status: 'applied', result: [5] },
      { status: 'failed', reason: 'PLAN_ERROR', message: expect.stringContaining('boom') as string },
      { status: 'applied', result: [5] },
    ]);
    expect(await here.client.mget(here.key('a'), here.key('full'), here.key('b'))).toEqual(['5', '1', '5']);
  });

  test('that leaves a value out leaves its cell alone', async () => {
    const here = place();
    const { applyOne } = createApplier(here, { operations: [withPlan(plan(`return {}, {}`))] });

    const outcome = await applyOne({ operation: 'custom.plan', params: { key: here.key('n') } });

    expect(outcome).toEqual({ status: 'applied', result: [] });
    expect(await here.client.exists(here.key('n'))).toBe(0);
  });

  test('gets integers and flags, and false for what is undefined', async () => {
    const here = place();
    const operation = defineOperation({
      name: 'custom.args',
      params: z.strictObject({ key: z.string() }),
      cells: ({ key }) => [{ key }],
      args: () => [-3, true, undefined, false, Number.MAX_SAFE_INTEGER],
      lua: plan(`
        if args[2] == true and args[3] == false and args[4] == false and #args == 5 then
          return { args[1] }, { args[1], args[5] }
        end`),
      result: (numbers) => numbers,
    });
    const { applyOne } = createApplier(here, { operations: [operation] });

    const outcome = await applyOne({ operation: 'custom.args', params: { key: here.key('n') } });

    expect(outcome).toEqual({ status: 'applied', result: [-3, Number.MAX_SAFE_INTEGER] });
  });

  test('may return the same table for each update of a batch', async () => {
    const here = place();
    const lua = `local done = { 1 } return function(cells) return { cells[1] + 1 }, done end`;
    const { apply } = createApplier(here, { operations: [withPlan(lua)] });
    const update = { operation: 'custom.plan', params: { key: here.key('n') } };

    expect(await apply([update, update, update])).toEqual([1, 1, 1].map((n) => ({ status: 'applied', result: [n] })));
    expect(await here.client.get(here.key('n'))).toBe('3');
  });

  test('with no result numbers at all shows as applied, in a transaction and as a duplicate too', async () => {
    const here = place();
    const { apply, applyOne } = createApplier(here, { operations: [withPlan(plan(`return { 5 }, {}`))] });
    const update = { operation: 'custom.plan', params: { key: here.key('n') }, idempotencyKey: 'k' };
    const { idempotencyKey: _key, ...inner } = update;

    expect(await applyOne(update)).toEqual({ status: 'applied', result: [] });
    expect(await apply([update, inner])).toEqual([
      { status: 'applied', result: [], duplicate: true },
      { status: 'applied', result: [] },
    ]);
    expect(await applyOne({ operation: 'transaction', params: { updates: [inner, inner] } })).toEqual({
      status: 'applied',
      result: { results: [[], []] },
    });
  });
});

describe('a custom operation', () => {
  test.each([0, -1, 0.5, NaN, Infinity, 1e18])(
    'whose ttlSeconds is %d does not leave a receipt without its change',
    async (ttlSeconds) => {
      const here = place(redis.url);
      const lua = plan(`return { cells[1] + 1 }, { cells[1] + 1 }`);
      const { applyOne } = createApplier(here, { operations: [withPlan(lua, () => ttlSeconds)] });
      const update = { operation: 'custom.plan', params: { key: here.key('n') } };
      const before = await takeSnapshot(here.client);

      const end = await applyOne(update).then(
        ({ status }) => status,
        () => 'failed',
      );

      expect(end).toBe('failed');
      expect(await takeSnapshot(here.client)).toEqual(before);
    },
  );

  test('that names one cell twice does not make points out of nothing', async () => {
    const here = place();
    const move = defineOperation({
      name: 'points.give',
      params: z.strictObject({ from: z.string(), to: z.string(), amount: z.int() }),
      cells: ({ from, to }) => [{ key: from }, { key: to }],
      args: ({ amount }) => [amount],
      lua: plan(`return { cells[1] - args[1], cells[2] + args[1] }, {}`),
      result: () => ({}),
    });
    const { applyOne } = createApplier(here, { operations: [move] });
    const key = here.key('ann');
    await here.client.set(key, 10);

    await applyOne({ operation: 'points.give', params: { from: key, to: key, amount: 5 } }).catch(() => undefined);

    expect(await here.client.get(key)).toBe('10');
  });

  test('can not name a cell that is a hash field and a sorted-set member at once', async () => {
    const here = place(redis.url);
    const both = defineOperation({
      name: 'custom.both',
      params: z.strictObject({}),
      cells: () => [{ key: here.key('n'), field: 'f', member: 'm' }],
      lua: plan(`return { 5 }, { 5 }`),
      result: (numbers) => numbers,
    });
    const { applyOne } = createApplier(here, { operations: [both] });

    await expect(applyOne({ operation: 'custom.both', params: {} })).rejects.toThrow(ValidationError);

    expect(await here.client.exists(here.key('n'))).toBe(0);
  });

  test.each([
    ['has a lone surrogate', '\ud800'],
    ['is empty', ''],
    ['is longer than 512 bytes', 'x'.repeat(513)],
  ])('can not write a key that %s', async (_what, name) => {
    const here = place(redis.url);
    const { applyOne } = createApplier(here, { operations: [withPlan(plan(`return { 5 }, { 5 }`))] });
    const before = await takeSnapshot(here.client);

    await expect(applyOne({ operation: 'custom.plan', params: { key: name } })).rejects.toThrow(ValidationError);

    expect(await takeSnapshot(here.client)).toEqual(before);
  });
});
