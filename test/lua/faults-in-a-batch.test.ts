import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { newJobId } from '../../src/layout/new-job-id.js';
import { defineOperation } from '../../src/operations/operation.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { createApplier } from '../support/script.js';
import { place } from '../support/tally.js';
import { FAULTS, plan } from './faulty-plans.js';
import { redisOfThisFile } from './redis-of-this-file.js';
import { takeSnapshot } from './snapshot.js';

const redis = redisOfThisFile();

/** Adds to its cells, unless it is told to do as the faulty plan does. */
function adding(faulty: string) {
  return defineOperation({
    name: 'custom.add',
    params: z.strictObject({ keys: z.array(z.string()), by: z.int(), faulty: z.boolean().default(false) }),
    cells: ({ keys }) => keys.map((key) => ({ key })),
    args: ({ by, faulty }) => [by, faulty],
    lua: `
      local faulty = (function() ${faulty} end)()
      return function(cells, args)
        if args[2] then
          return faulty(cells, args)
        end
        for n = 1, #cells do
          cells[n] = cells[n] + args[1]
        end
        return cells, cells
      end
    `,
    result: (numbers) => numbers,
  });
}

function begin(lua: string) {
  const here = place(redis.url);
  const applier = createApplier(here, { operations: [adding(lua)] });
  const add = (names: readonly string[], by: number, isFaulty = false) => ({
    operation: 'custom.add',
    params: { keys: names.map((name) => here.key(name)), by, faulty: isFaulty },
  });
  return { ...here, ...applier, add, read: (...names: string[]) => here.client.mget(names.map((it) => here.key(it))) };
}

const FAILED = { status: 'failed', reason: 'PLAN_ERROR' };
const applied = (...numbers: number[]) => ({ status: 'applied', result: numbers });

describe.each(Object.entries(FAULTS))('in a batch, a plan that %s', (_what, lua) => {
  test('fails its own updates; the others take effect once, in their order', async () => {
    const { client, apply, keyReceipt, add, read } = begin(lua);
    const updates = [
      add(['a'], 1),
      add(['b'], 2, true),
      add(['a'], 4),
      { ...add(['c'], 8, true), idempotencyKey: 'k' },
      { ...add(['c'], 16), idempotencyKey: 'l' },
      add(['a', 'b'], 32),
      add(['b', 'c'], 64, true),
      { ...add(['c'], 16), idempotencyKey: 'l' },
      add(['c', 'd', 'a'], 128),
      add(['d'], 256, true),
    ];
    const jobId = newJobId(NO_SLOT);

    const outcomes = await apply(updates, { jobId });

    expect(outcomes).toMatchObject([
      ...[applied(1), FAILED, applied(5), FAILED, applied(16), applied(37, 32), FAILED],
      ...[{ ...applied(16), duplicate: true }, applied(144, 128, 165), FAILED],
    ]);
    expect(await read('a', 'b', 'c', 'd')).toEqual(['165', '32', '144', '128']);
    expect(await client.exists(keyReceipt('k', 'custom.add'))).toBe(0);
    const before = await takeSnapshot(client);
    expect(await apply(updates, { jobId })).toEqual(outcomes);
    expect((await takeSnapshot(client)).dumps).toEqual(before.dumps);
  });

  test('fails its own transactions whole', async () => {
    const { apply, add, read } = begin(lua);
    const transaction = (...updates: object[]) => ({ operation: 'transaction', params: { updates } });

    const outcomes = await apply([
      transaction(add(['a'], 1), add(['b'], 2)),
      transaction(add(['a', 'c'], 4), add(['a'], 8, true), add(['b', 'd'], 16)),
      transaction(add(['a'], 32, true), add(['b'], 64)),
      transaction(add(['b'], 128), add(['a', 'b'], 256)),
    ]);

    expect(outcomes).toMatchObject([
      { status: 'applied', result: { results: [[1], [2]] } },
      { ...FAILED, update: 1 },
      { ...FAILED, update: 0 },
      { status: 'applied', result: { results: [[130], [257, 386]] } },
    ]);
    expect(await read('a', 'b', 'c', 'd')).toEqual(['257', '386', null, null]);
  });
});

test('a batch whose every plan throws leaves nothing but its receipt', async () => {
  const { client, apply, jobReceipt, add } = begin(plan(`error('boom')`));
  const jobId = newJobId(NO_SLOT);
  const before = await takeSnapshot(client);

  const outcomes = await apply(
    [1, 2, 3].map((by) => add(['a'], by, true)),
    { jobId },
  );

  expect(outcomes).toMatchObject([FAILED, FAILED, FAILED]);
  expect(await client.del(jobReceipt(jobId))).toBe(1);
  expect((await takeSnapshot(client)).dumps).toEqual(before.dumps);
});
