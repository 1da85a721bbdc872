import { describe, expect, test } from 'vitest';
import type { Cell } from '../../src/redis/cell.js';
import type { Update } from '../../src/operations/update.js';
import type { Connection } from '../../src/redis/connection.js';
import { skipUnlessFieldsExpire } from '../support/field-ttl.js';
import { until } from '../support/tally.js';
import { CELL_KINDS, cellOf, store, stored } from './cells.js';
import { allWithHistory } from './histories.js';
import { SAMPLES } from './samples.js';
import { setup } from './setup.js';

const MAX = Number.MAX_SAFE_INTEGER;
const LIFE_S = 1_000;

const operations = Object.keys(SAMPLES).filter((name) => SAMPLES[name]?.removes !== true);

/** Lives of a key and of a field that have just been given LIFE_S. */
function expectUncut(lifeMs: unknown): void {
  expect(lifeMs).toBeGreaterThan((LIFE_S - 60) * 1000);
  expect(lifeMs).toBeLessThanOrEqual(LIFE_S * 1000);
}

const add = (cell: Cell, by: number): Update => ({ operation: 'scores.add', params: { entries: [{ ...cell, by }] } });
const both = (...updates: Update[]): Update => ({ operation: 'transaction', params: { updates } });

/** Jobs on a cell: what it holds before and after. */
const JOBS: readonly {
  what: string;
  from: number;
  updates: (cell: Cell) => Update[];
  to: number;
}[] = [
  { what: 'one update', from: 3, updates: (cell) => [add(cell, 4)], to: 7 },
  { what: 'below zero', from: 3, updates: (cell) => [add(cell, -10)], to: -7 },
  { what: 'above zero', from: -3, updates: (cell) => [add(cell, 10)], to: 7 },
  { what: 'to zero', from: -3, updates: (cell) => [add(cell, 3)], to: 0 },
  { what: 'nothing', from: 3, updates: (cell) => [add(cell, 0)], to: 3 },
  { what: 'there and back', from: 3, updates: (cell) => [add(cell, 5), add(cell, -5)], to: 3 },
  { what: 'a batch', from: 3, updates: (cell) => [add(cell, 5), add(cell, -9), add(cell, 2)], to: 1 },
  { what: 'a transaction', from: 3, updates: (cell) => [both(add(cell, 5), add(cell, -9))], to: -1 },
  { what: 'from end to end', from: -MAX, updates: (cell) => [add(cell, MAX), add(cell, MAX)], to: MAX },
  { what: 'back from end to end', from: MAX, updates: (cell) => [add(cell, -MAX), add(cell, -MAX)], to: -MAX },
  { what: 'by an odd difference', from: -MAX, updates: (cell) => [add(cell, MAX), add(cell, MAX - 1)], to: MAX - 1 },
  { what: 'by 2^53', from: -1, updates: (cell) => [add(cell, 1), add(cell, MAX)], to: MAX },
  { what: 'by 2^53 + 1', from: -2, updates: (cell) => [add(cell, 2), add(cell, MAX)], to: MAX },
];

const begin = () => setup(undefined, allWithHistory(5));

describe.each(CELL_KINDS)('the life of a key that holds a %s', (kind) => {
  test.each(operations)('is not cut by %s', async (name) => {
    const { client, key, applyOne } = begin();
    const cell = cellOf(kind, key('cell'));
    await store(client, cell, 100);
    await client.expire(cell.key, LIFE_S);
    await client.set(`${key('beside')}:stocked`, 100);

    expect(await applyOne(SAMPLES[name]!.update(cell, key('beside')))).toMatchObject({ status: 'applied' });

    expect(await stored(client, cell)).not.toBe('100');
    expectUncut(await client.pttl(cell.key));
  });

  test.each(JOBS)('is not cut by a job that changes it by $what', async ({ from, updates, to }) => {
    const { client, key, apply } = begin();
    const cell = cellOf(kind, key('cell'));
    await store(client, cell, from);
    await client.expire(cell.key, LIFE_S);

    for (const { status } of await apply(updates(cell))) {
      expect(status).toBe('applied');
    }

    expect(await stored(client, cell)).toBe(String(to));
    expectUncut(await client.pttl(cell.key));
  });
});

describe('the life of a field', () => {
  async function beginWithField(value: number) {
    const all = begin();
    await skipUnlessFieldsExpire(all.client);
    const cell = { key: all.key('limits'), field: 'api' };
    await all.client.hset(cell.key, { api: value, neighbour: 1 });
    await all.client.call('HEXPIRE', cell.key, LIFE_S, 'FIELDS', 1, 'api');
    return { ...all, cell };
  }

  const lifeOf = async (client: Connection, key: string, field: string) =>
    ((await client.call('HPTTL', key, 'FIELDS', 1, field)) as number[])[0];

  test.each(operations)('is not cut by %s', async (name) => {
    const { client, key, cell, applyOne } = await beginWithField(100);
    await client.set(`${key('beside')}:stocked`, 100);

    expect(await applyOne(SAMPLES[name]!.update(cell, key('beside')))).toMatchObject({ status: 'applied' });

    expect(await stored(client, cell)).not.toBe('100');
    expectUncut(await lifeOf(client, cell.key, 'api'));
  });

  test.each(JOBS)('is not cut by a job that changes it by $what', async ({ from, updates, to }) => {
    const { client, cell, apply } = await beginWithField(from);

    for (const { status } of await apply(updates(cell))) {
      expect(status).toBe('applied');
    }

    expect(await stored(client, cell)).toBe(String(to));
    expectUncut(await lifeOf(client, cell.key, 'api'));
  });

  test('is given to no field beside it', async () => {
    const { client, cell, apply } = await beginWithField(5);
    const fields = ['api', 'neighbour', 'new'];

    await apply(fields.map((field) => add({ key: cell.key, field }, 1)));

    expect(await client.hmget(cell.key, ...fields)).toEqual(['6', '2', '1']);
    const lives = await Promise.all(fields.map((field) => lifeOf(client, cell.key, field)));
    expectUncut(lives[0]);
    expect(lives.slice(1)).toEqual([-1, -1]);
  });

  test('begins anew, without one, when the field has expired', async () => {
    const { client, cell, applyOne } = await beginWithField(5);
    await client.call('HPEXPIRE', cell.key, 1, 'FIELDS', 1, 'api');
    await until('it has expired', async () => (await stored(client, cell)) === null);

    expect(await applyOne(add(cell, 3))).toMatchObject({ result: { scores: [{ value: 3 }] } });

    expect(await lifeOf(client, cell.key, 'api')).toBe(-1);
  });
});
