import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { cellId, describeCell } from '../../src/redis/cell.js';
import { defineOperation } from '../../src/operations/operation.js';
import type { History } from '../../src/operations/operation.js';
import { createRegistry, withHistory } from '../../src/operations/registry.js';

const define = (name: string, queue?: string) =>
  defineOperation({
    name,
    params: z.strictObject({ key: z.string() }),
    cells: (params) => [params],
    lua: 'return function(cells) return cells, cells end',
    result: (numbers) => numbers,
    ...(queue !== undefined && { queue }),
  });

describe('the name of an operation', () => {
  test.each(['energy.spend', 'a.b', 'energy2.spendAll'])('may be %s', (name) => {
    expect(define(name).name).toBe(name);
  });

  test.each(['energy', 'Energy.spend', 'energy.Spend', 'energy.', '.spend', 'a.b.c', "a.b']", 'a b.c', '2a.b', ''])(
    'may not be %j',
    (name) => {
      expect(() => define(name)).toThrow(TypeError);
    },
  );
});

describe('the registry', () => {
  test('finds the operations of the user beside the built-in ones', () => {
    const spend = define('energy.spend');
    const registry = createRegistry([spend]);

    expect(registry.find('energy.spend')).toBe(spend);
    expect(registry.find('counter.increment')?.queue).toBe('counters');
    expect(registry.find('energy.gain')).toBeUndefined();
  });

  test('names each queue once: five, and one for each custom family', () => {
    const registry = createRegistry([define('energy.spend'), define('energy.gain'), define('mana.spend', 'energy')]);

    expect([...registry.queues].sort()).toEqual([
      'counters',
      'energy',
      'expiries',
      'inventory',
      'scores',
      'transactions',
      'xp',
    ]);
  });

  test.each(['counter.increment', 'energy.spend'])('refuses a second operation called %s', (name) => {
    expect(() => createRegistry([define('energy.spend'), define(name)])).toThrow(/is defined twice/);
  });
});

describe('the history of an operation', () => {
  const defineWith = (history: unknown) =>
    defineOperation({
      name: 'energy.spend',
      params: z.strictObject({ key: z.string() }),
      cells: (params) => [params],
      history: history as History,
      lua: 'return function(cells) return cells, cells end',
      result: (numbers) => numbers,
    });

  test('is none unless one is asked for', () => {
    const histories = createRegistry([define('energy.spend')]).operations.map(({ history }) => history);

    expect(new Set(histories)).toEqual(new Set([false]));
  });

  test.each([1, 100, 1000, false])('may be %s', (history) => {
    const operation = defineWith(history);

    expect(operation.history).toBe(history);
    expect(operation.steps({ key: 'a' })).toMatchObject([{ history }]);
  });

  test.each([0, -1, 1001, 1.5, NaN, '100', true, null])('may not be %j', (history) => {
    expect(() => defineWith(history)).toThrow(
      'history of the operation "energy.spend" must be a whole number of entries from 1 to 1000, or false',
    );
  });

  test('can be given to a built-in operation, which stays what it is otherwise', () => {
    const registry = createRegistry([withHistory('xp.award', 50)]);
    const award = registry.find('xp.award')!;
    const plain = createRegistry().find('xp.award')!;

    expect(registry.operations.map(({ name }) => name)).toEqual(createRegistry().operations.map(({ name }) => name));
    expect([award.history, award.steps({ key: 'a', amount: 1 })[0]?.history]).toEqual([50, 50]);
    expect({ ...award, history: false }).toMatchObject({ queue: plain.queue, params: plain.params, lua: plain.lua });
    expect(registry.isBuiltIn(award)).toBe(true);
  });

  test('can be given to a built-in operation once, and to none by another name', () => {
    expect(() => createRegistry([withHistory('xp.award', 50), withHistory('xp.award', 60)])).toThrow(
      /is defined twice/,
    );
    expect(() => withHistory('xp.give' as 'xp.award', 50)).toThrow(/"xp.give" is not one of counter.increment, /);
    expect(() => withHistory('xp.award', 0)).toThrow(/history of the operation "xp.award" must be/);
  });
});

test('cells have the same id only when they are the same', () => {
  const cells = [
    { key: 'a' },
    { key: 'ab' },
    { key: 'a', field: 'b' },
    { key: 'a', member: 'b' },
    { key: 'a', field: 'b:c' },
    { key: 'a:b', field: 'c' },
    { key: '1:a', field: 'b' },
    { key: 'h1:ab' },
    { key: 'z1:ab' },
  ];

  expect(new Set(cells.map(cellId)).size).toBe(cells.length);
  expect(cellId({ key: 'a', field: 'b' })).toBe(cellId({ field: 'b', key: 'a' }));
});

test('a cell is described by all of its names', () => {
  expect(describeCell({ key: 'a' })).toBe('"a"');
  expect(describeCell({ key: 'a', field: 'f' })).toBe('"a" field "f"');
  expect(describeCell({ key: 'a', member: 'm' })).toBe('"a" member "m"');
});
