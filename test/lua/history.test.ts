import { describe, expect, test } from 'vitest';
import { deltaOf } from '../../src/readers/read-history.js';
import type { Change } from '../../src/readers/read-history.js';
import { newJobId } from '../../src/layout/new-job-id.js';
import { cellObject, wholeNumber } from '../../src/operations/cell-schema.js';
import type { Cell } from '../../src/redis/cell.js';
import { defineOperation } from '../../src/operations/operation.js';
import { withHistory } from '../../src/operations/registry.js';
import type { RedisClient } from '../../src/redis/connection.js';
import { HISTORY_LIFE_MS } from '../../src/workers/script-call.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { CELL_KINDS, cellOf, store } from './cells.js';
import { increment, setupWithHistory } from './histories.js';

const MAX = Number.MAX_SAFE_INTEGER;

/** Turns the sign of a cell and adds: no other step is as wide. */
const pointsFlip = defineOperation({
  name: 'points.flip',
  params: cellObject({ by: wholeNumber() }),
  cells: (params) => [params],
  args: ({ by }) => [by],
  history: 5,
  lua: 'return function(cells, args) return { -cells[1] + args[1] }, {} end',
  result: () => null,
});

async function redisTimeMs(client: RedisClient): Promise<number> {
  const [seconds, microseconds] = await client.time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}

describe.each(CELL_KINDS)('the history of a %s', (kind) => {
  test('tells when, by which job and operation, and from what to what the value changed', async () => {
    const { client, key, applyOne, changesOf } = setupWithHistory();
    const cell = cellOf(kind, key('n'));
    await store(client, cell, 40);
    const [first, second] = [newJobId(NO_SLOT), newJobId(NO_SLOT)];
    const startedMs = await redisTimeMs(client);

    await applyOne(increment(cell, 2), { jobId: first });
    await applyOne({ operation: 'inventory.take', params: { ...cell, quantity: 7 } }, { jobId: second });

    const endedMs = await redisTimeMs(client);
    const changes = await changesOf(cell);
    expect(changes).toMatchObject([
      { jobId: second, operation: 'inventory.take', before: 42, after: 35 },
      { jobId: first, operation: 'counter.increment', before: 40, after: 42 },
    ]);
    expect(changes.map(deltaOf)).toEqual([-7n, 2n]);
    const [latest, earliest] = changes as [Change, Change];
    expect([startedMs, earliest.atMs, latest.atMs, endedMs]).toEqual(
      [startedMs, earliest.atMs, latest.atMs, endedMs].sort((a, b) => a - b),
    );
  });

  test('begins at 0 when the cell was missing', async () => {
    const { key, applyOne, changesOf } = setupWithHistory();
    const cell = cellOf(kind, key('n'));

    await applyOne(increment(cell, 3));

    expect(await changesOf(cell)).toMatchObject([{ before: 0, after: 3 }]);
  });

  test('has one entry for a job, however often it changed the cell', async () => {
    const { key, apply, changesOf } = setupWithHistory();
    const [hot, other] = [cellOf(kind, key('hot')), cellOf(kind, key('other'), 'second')];

    await apply([...Array.from({ length: 100 }, (_none, n) => increment(hot, n + 1)), increment(other, 8)]);

    expect(await changesOf(hot)).toMatchObject([{ before: 0, after: 5050 }]);
    expect(await changesOf(other)).toMatchObject([{ before: 0, after: 8 }]);
  });

  test('has no entry for a job that left the value as it was', async () => {
    const { client, key, apply, applyOne, changesOf } = setupWithHistory();
    const cell = cellOf(kind, key('n'));
    await store(client, cell, 5);
    const add = (by: number) => ({ operation: 'scores.add', params: { entries: [{ ...cell, by }] } });

    await applyOne(add(0));
    await apply([add(7), add(-7)]);
    await applyOne({ operation: 'inventory.take', params: { ...cellOf(kind, key('missing')), quantity: 1 } });

    expect(await changesOf(cell)).toEqual([]);
    expect(await changesOf(cellOf(kind, key('missing')))).toEqual([]);
  });

  test('keeps as many entries as it may, the latest ones', async () => {
    const { client, key, keys, applyOne, changesOf } = setupWithHistory({ history: 3 });
    const cell = cellOf(kind, key('n'));

    for (const by of [1, 2, 3, 4, 5]) {
      await applyOne(increment(cell, by));
    }

    expect((await changesOf(cell)).map(({ after }) => after)).toEqual([15, 10, 6]);
    expect(await client.llen(keys.history(cell, NO_SLOT))).toBe(3);
  });

  test('lives for 30 days after the latest change', async () => {
    const { client, key, keys, applyOne } = setupWithHistory();
    const cell = cellOf(kind, key('n'));
    await applyOne(increment(cell));
    await client.expire(keys.history(cell, NO_SLOT), 60);

    await applyOne(increment(cell));

    const lifeMs = await client.pttl(keys.history(cell, NO_SLOT));
    expect(lifeMs).toBeGreaterThan(HISTORY_LIFE_MS - 60_000);
    expect(lifeMs).toBeLessThanOrEqual(HISTORY_LIFE_MS);
  });

  test('is exact at the ends of the range', async () => {
    const { client, key, applyOne, changesOf } = setupWithHistory({ operations: [pointsFlip] });
    const cell = cellOf(kind, key('n'));
    await store(client, cell, -MAX + 1);

    await applyOne({ operation: 'points.flip', params: { ...cell, by: 1 } });

    const changes = await changesOf(cell);
    expect(changes).toMatchObject([{ before: -MAX + 1, after: MAX }]);
    expect(changes.map(deltaOf)).toEqual([2n ** 54n - 3n]);
  });
});

test('of several operations in a transaction each keeps the history that it is told to, a cell the longest', async () => {
  const operations = [withHistory('counter.increment', 2), withHistory('xp.award', 4)];
  const { key, keys, applyOne, changesOf, historyKeys } = setupWithHistory({ operations });
  const [counted, both, none] = ['counted', 'both', 'none'].map((name) => ({ key: key(name), field: 'f' }));
  const transaction = {
    operation: 'transaction',
    params: {
      updates: [
        { operation: 'inventory.restock', params: { ...none, quantity: 1 } },
        increment(counted!),
        increment(both!),
        { operation: 'xp.award', params: { ...both, amount: 1 } },
      ],
    },
  };

  for (const _time of [1, 2, 3, 4, 5]) {
    await applyOne(transaction);
  }

  expect((await changesOf(counted!)).map(({ after }) => after)).toEqual([5, 4]);
  expect((await changesOf(both!)).map(({ after }) => after)).toEqual([10, 8, 6, 4]);
  expect(await changesOf(none!)).toEqual([]);
  expect(await historyKeys()).toEqual([keys.history(both!, NO_SLOT), keys.history(counted!, NO_SLOT)].sort());
});

test('cells of all kinds that one job changes get each their own history', async () => {
  const { key, applyOne, changesOf } = setupWithHistory();
  const cells: Cell[] = [
    { key: key('zset'), member: 'b' },
    { key: key('hash'), field: 'b' },
    { key: key('string 1') },
    { key: key('hash'), field: 'a' },
    { key: key('other hash'), field: 'a' },
    { key: key('string 2') },
    { key: key('zset'), member: 'a' },
  ];
  const entries = cells.map((cell, n) => ({ ...cell, by: n + 1 }));

  await applyOne({ operation: 'scores.add', params: { entries } });

  const changes = await Promise.all(cells.map((cell) => changesOf(cell)));
  expect(changes.map((ofCell) => ofCell.map(({ after }) => after))).toEqual(cells.map((_cell, n) => [n + 1]));
});

test('a job of 5,000 cells of one hash leaves a history of each', async () => {
  const { key, apply, changesOf } = setupWithHistory();
  const entriesOf = (update: number) =>
    Array.from({ length: 100 }, (_none, n) => ({ key: key('big'), field: `f${update * 100 + n}`, by: n + 1 }));

  await apply(
    Array.from({ length: 50 }, (_none, n) => ({ operation: 'scores.add', params: { entries: entriesOf(n) } })),
  );

  expect(await changesOf({ key: key('big'), field: 'f0' })).toMatchObject([{ after: 1 }]);
  expect(await changesOf({ key: key('big'), field: 'f4999' })).toMatchObject([{ after: 100 }]);
});
