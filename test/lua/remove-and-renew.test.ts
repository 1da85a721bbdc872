import { describe, expect, test } from 'vitest';
import { readHistory } from '../../src/readers/read-history.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import type { Cell } from '../../src/redis/cell.js';
import type { Update } from '../../src/operations/update.js';
import { CELL_KINDS, cellOf, store, stored } from './cells.js';
import { allWithHistory } from './histories.js';
import { setup } from './setup.js';

const MAX = Number.MAX_SAFE_INTEGER;

const add = (cell: Cell, by = 1): Update => ({ operation: 'scores.add', params: { entries: [{ ...cell, by }] } });
const set = (params: object): Update => ({ operation: 'counter.set', params });
const remove = (cell: Cell, expected?: number | null): Update => ({
  operation: 'counter.remove',
  params: { ...cell, ...(expected !== undefined && { expected }) },
});
const both = (...updates: Update[]): Update => ({ operation: 'transaction', params: { updates } });
const begin = () => setup(undefined, allWithHistory(5));

describe.each(CELL_KINDS)('a %s that is removed', (kind) => {
  test('is gone, and what lies beside it stays', async () => {
    const { client, key, applyOne } = begin();
    const [cell, beside] = [cellOf(kind, key('n')), cellOf(kind, key('n'), 'beside')];
    await store(client, beside, 2);
    await store(client, cell, 7);

    expect(await applyOne(remove(cell))).toEqual({ status: 'applied', result: { removed: true, previous: 7 } });
    expect(await applyOne(remove(cell))).toEqual({ status: 'applied', result: { removed: false, previous: null } });

    expect(await stored(client, cell)).toBeNull();
    expect(await client.exists(cell.key)).toBe(kind === 'string' ? 0 : 1);
  });

  test('is removed once by its job, whatever it holds when the job runs again', async () => {
    const { client, key, applyOne } = begin();
    const cell = cellOf(kind, key('n'));
    await store(client, cell, 7);

    const first = await applyOne({ ...remove(cell), idempotencyKey: 'k' }, { jobId: 'one' });
    await store(client, cell, 8);

    expect(await applyOne({ ...remove(cell), idempotencyKey: 'k' }, { jobId: 'one' })).toEqual(first);
    expect(await applyOne({ ...remove(cell), idempotencyKey: 'k' })).toEqual({ ...first, duplicate: true });
    expect(await stored(client, cell)).toBe('8');
  });

  test.each([0, 7, MAX, -MAX])('with %s in it begins anew in the same job, without its life', async (value) => {
    const { client, key, applyOne } = begin();
    const cell = cellOf(kind, key('n'));
    await store(client, cell, value);
    await client.expire(cell.key, 1000);

    const outcome = await applyOne(both(remove(cell), add(cell, 3)));

    expect(outcome).toMatchObject({ result: { results: [{ previous: value }, { scores: [{ value: 3 }] }] } });
    expect(await stored(client, cell)).toBe('3');
    expect(await client.pttl(cell.key)).toBe(-1);
  });

  test('leaves nothing when it was created in the same job', async () => {
    const { client, key, applyOne } = begin();
    const cell = cellOf(kind, key('n'));

    const outcome = await applyOne(both(add(cell, 3), remove(cell), remove(cell)));

    expect(outcome).toMatchObject({ result: { results: [{}, { removed: true }, { removed: false }] } });
    expect(await client.exists(cell.key)).toBe(0);
  });

  test('stays, with its life, when its transaction is refused', async () => {
    const { client, key, apply } = begin();
    const cell = cellOf(kind, key('n'));
    await store(client, cell, 7);
    await client.expire(cell.key, 1000);

    const outcomes = await apply([both(remove(cell), remove(cell, 5)), both(add(cell, 1), add(cell, 1))]);

    expect(outcomes).toMatchObject([{ status: 'rejected', reason: 'CHANGED', update: 1 }, { status: 'applied' }]);
    expect(await stored(client, cell)).toBe('9');
    expect(await client.pttl(cell.key)).toBeGreaterThan(900_000);
  });

  test('stays when something else was expected, and the outcome says what it holds', async () => {
    const { client, key, applyOne } = begin();
    const cell = cellOf(kind, key('n'));
    await store(client, cell, 0);

    expect(await applyOne(remove(cell, 7))).toMatchObject({ status: 'rejected', reason: 'CHANGED', found: 0 });
    expect(await applyOne(remove(cell, null))).toMatchObject({ status: 'rejected', reason: 'CHANGED', found: 0 });
    expect(await stored(client, cell)).toBe('0');
    expect(await applyOne(remove(cell, 0))).toMatchObject({ status: 'applied' });
    expect(await applyOne(remove(cell, 0))).toMatchObject({ status: 'rejected', reason: 'CHANGED', found: null });
  });

  test('is told in its history', async () => {
    const { client, key, keys, apply, applyOne } = begin();
    const cell = cellOf(kind, key('n'));
    await store(client, cell, 0);

    await applyOne(remove(cell));
    await apply([add(cell, 4), add(cell, 2)]);
    await applyOne(both(remove(cell), add(cell, 1)));
    await applyOne(remove(cell));
    await applyOne(remove(cell));

    const changes = await readHistory(client, keys, cell, NO_SLOT);
    expect(changes.map(({ operation, before, after }) => [operation, before, after])).toEqual([
      ['counter.remove', 1, null],
      ['transaction', 6, 1],
      ['scores.add', 0, 6],
      ['counter.remove', 0, null],
    ]);
  });
});

test.each(['hash field', 'sorted-set member'] as const)(
  'the TTL of the key stays when a %s goes as another comes',
  async (kind) => {
    const { client, key, applyOne } = begin();
    const [old, next] = [cellOf(kind, key('n'), 'old'), cellOf(kind, key('n'), 'next')];
    await store(client, old, 7);
    await client.expire(old.key, 1_000);

    expect(await applyOne(both(set({ ...next, value: 0 }), remove(old)))).toMatchObject({ status: 'applied' });

    expect([await stored(client, old), await stored(client, next)]).toEqual([null, '0']);
    expect(await client.ttl(old.key)).toBeGreaterThan(900);
  },
);

test('many cells of all kinds are removed by one job', async () => {
  const { client, key, apply } = begin();
  const cells = CELL_KINDS.flatMap((kind) =>
    Array.from({ length: 40 }, (_, n) =>
      cellOf(kind, key(`${kind}${n % 3}:${kind === 'string' ? n : ''}`), `name${n}`),
    ),
  );
  for (const cell of cells) {
    await store(client, cell, 5);
  }

  const outcomes = await apply(cells.map((cell) => remove(cell, 5)));

  expect(outcomes).toEqual(cells.map(() => ({ status: 'applied', result: { removed: true, previous: 5 } })));
  expect(await client.exists(...cells.map((cell) => cell.key))).toBe(0);
});

describe.each(CELL_KINDS)('a %s that is set', (kind) => {
  test.each([
    [undefined, 0],
    [-MAX, MAX],
    [MAX, -MAX],
    [5, 5],
    [0, MAX],
  ])('goes from %s to %s, and keeps its life', async (from, to) => {
    const { client, key, applyOne } = begin();
    const cell = cellOf(kind, key('n'));
    if (from !== undefined) {
      await store(client, cell, from);
      await client.expire(cell.key, 1000);
    }

    const outcome = await applyOne(set({ ...cell, value: to, expected: from ?? null }));

    expect(outcome).toEqual({ status: 'applied', result: { value: to, previous: from ?? null } });
    expect(await stored(client, cell)).toBe(String(to));
    expect((await client.pttl(cell.key)) > 0).toBe(from !== undefined);
  });

  test('only if it holds what is expected: of two that read the same value, one sets it', async () => {
    const { client, key, apply } = begin();
    const cell = cellOf(kind, key('n'));
    await store(client, cell, 5);

    const outcomes = await apply([
      set({ ...cell, value: 6, expected: 5 }),
      set({ ...cell, value: 7, expected: 5 }),
      set({ ...cell, value: 8, expected: null }),
    ]);

    expect(outcomes).toMatchObject([
      { status: 'applied' },
      { status: 'rejected', reason: 'CHANGED', found: 6 },
      { status: 'rejected', reason: 'CHANGED', found: 6 },
    ]);
    expect(await stored(client, cell)).toBe('6');
  });
});

test('what is missing is not 0 to one that expects 0', async () => {
  const { client, key, applyOne } = begin();
  const cell = { key: key('n') };

  const outcome = await applyOne(set({ ...cell, value: 1, expected: 0 }));

  expect(outcome).toMatchObject({ status: 'rejected', reason: 'CHANGED', found: null });
  expect(outcome).toHaveProperty('message', expect.stringContaining('is missing; 0 was expected'));
  expect(await client.exists(cell.key)).toBe(0);
});

describe('a life that is renewed', () => {
  const LIFE = { ttlSeconds: 1000, renewTtl: true };
  const increment = (params: object): Update => ({ operation: 'counter.increment', params });

  test.each([
    ['counter.increment', { by: 2 }],
    ['counter.increment', { by: 2, max: 5, whenOver: 'saturate' }],
    ['counter.decrement', { by: 2 }],
    ['counter.set', { value: 5 }],
  ])('is set anew by every %s %o', async (operation, params) => {
    const { client, key, applyOne } = begin();
    const update = { operation, params: { key: key('n'), ...params, ...LIFE } };
    for (const life of [undefined, 10, 5000]) {
      await client.set(key('n'), 5);
      if (life !== undefined) {
        await client.expire(key('n'), life);
      }
      expect(await applyOne(update)).toMatchObject({ status: 'applied' });
      expect(await client.ttl(key('n'))).toBeGreaterThan(990);
      expect(await client.ttl(key('n'))).toBeLessThanOrEqual(1000);
    }
    await client.del(key('n'));
    await applyOne(update);
    expect(await client.ttl(key('n'))).toBeGreaterThan(990);
  });

  test('is not set by an update that is refused, nor by one that only asks for it at the creation', async () => {
    const { client, key, apply } = begin();
    await client.set(key('n'), 5, 'EX', 10);
    const cell = { key: key('n') };

    await apply([
      increment({ ...cell, ...LIFE, max: 5 }),
      increment({ ...cell, ttlSeconds: 1000 }),
      increment({ ...cell, ttlSeconds: 1000, renewTtl: false }),
    ]);
    await apply([both(increment({ ...cell, ...LIFE }), increment({ ...cell, max: 5 }))]);

    expect(await client.get(key('n'))).toBe('7');
    expect(await client.ttl(key('n'))).toBeLessThanOrEqual(10);
  });

  test('goes with a cell that is removed later in the job', async () => {
    const { client, key, applyOne } = begin();
    const cell = { key: key('n') };
    await client.set(cell.key, 5);

    await applyOne(both(increment({ ...cell, ...LIFE }), remove(cell), increment({ ...cell, by: 3 })));

    expect(await client.get(cell.key)).toBe('3');
    expect(await client.ttl(cell.key)).toBe(-1);
  });
});
