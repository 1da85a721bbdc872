import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { cellId, describeCell } from '../../src/operations/cell.js';
import { defineOperation } from '../../src/operations/operation.js';
import { createRegistry } from '../../src/operations/registry.js';

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

    expect([...registry.queues].sort()).toEqual(['counters', 'energy', 'inventory', 'scores', 'transactions', 'xp']);
  });

  test.each(['counter.increment', 'energy.spend'])('refuses a second operation called %s', (name) => {
    expect(() => createRegistry([define('energy.spend'), define(name)])).toThrow(/is defined twice/);
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
