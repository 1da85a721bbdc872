import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { fastPathOf } from '../../src/lib/schema-fast-path.js';
import { cellObject, distinctCells, ttlSeconds, wholeNumber } from '../../src/operations/cell-schema.js';
import { createRegistry } from '../../src/operations/registry.js';

const { operations } = createRegistry();

/** What callers may put where something else belongs. */
const odd = fc.constantFrom<unknown>(
  ...[undefined, null, true, '', 'ok', 'floor', '\ud800', 'x'.repeat(513), 'ä'.repeat(257), '7', Symbol('s')],
  ...[0, -0, 1, -1, 1.5, NaN, Infinity, 2 ** 53, 2 ** 53 - 1, 315_360_001, 10n, [], {}, [1, 2], [2, 1], new Date(0)],
);
const text = fc.oneof({ weight: 6, arbitrary: fc.constantFrom('a', 'b', 'ä😀') }, { weight: 1, arbitrary: odd });
const number = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 1, max: 9 }) }, { weight: 1, arbitrary: odd });

/** Rarely a property that is not known, or one that came with the prototype, or can't be listed. */
const cell = fc
  .record(
    {
      key: text,
      field: text,
      member: text,
      by: number,
      max: number,
      min: number,
      quantity: number,
      amount: number,
      ttlSeconds: number,
      whenShort: fc.oneof(fc.constantFrom<unknown>('floor', 'reject'), odd),
      levels: fc.oneof(fc.array(number, { maxLength: 3 }), odd),
    },
    { requiredKeys: [] },
  )
  .chain((params) => fc.subarray(Object.entries(params)).map((some) => Object.fromEntries(some)));
const disguised = fc.tuple(cell, fc.nat(19)).map(([params, way]) => {
  const [first = 'key', ...names] = Object.keys(params);
  switch (way) {
    case 0:
      return Object.create(params) as object;
    case 1:
      return Object.defineProperty({ ...params }, first, { enumerable: false });
    case 2:
      return { ...params, [Symbol('own')]: 1 };
    case 3:
      return JSON.parse(`{"__proto__":{"by":2},"${names[0] ?? 'by'}":1}`) as object;
    case 4:
      return Object.assign(Object.create(null) as object, params);
    case 5:
      return Object.assign([], params);
    default:
      return params;
  }
});
const params = fc.oneof(
  { weight: 4, arbitrary: disguised },
  { weight: 1, arbitrary: fc.record({ items: fc.array(cell, { maxLength: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ entries: fc.array(cell, { maxLength: 3 }) }) },
  { weight: 1, arbitrary: odd },
);

/** What is accepted quickly is what the schema would put out. */
function expectNoDifference(schema: z.ZodType, value: unknown): unknown {
  const accepted = fastPathOf(schema)(value);
  if (accepted !== undefined) {
    const parsed = schema.safeParse(value);
    expect(parsed.error?.issues).toBeUndefined();
    expect(accepted).toStrictEqual(parsed.data);
  }
  return accepted;
}

describe('quick acceptance', () => {
  test.each(operations)('of $name accepts nothing that the schema does not, and puts out the same', (operation) => {
    fc.assert(
      fc.property(params, (value) => {
        const accepted = operation.accept(value);
        if (accepted !== undefined) {
          expect(operation.params.safeParse(value)).toStrictEqual({ success: true, data: accepted });
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test.each([
    ['counter.increment', { key: 'a' }, { key: 'a', by: 1 }],
    ['counter.decrement', { key: 'a', field: 'f', by: 3, min: -1 }, { key: 'a', field: 'f', by: 3, min: -1 }],
    ['inventory.take', { key: 'a', quantity: 2 }, { key: 'a', quantity: 2, whenShort: 'floor' }],
    ['inventory.restock', { key: 'a', quantity: 2 }, { key: 'a', quantity: 2 }],
    ['inventory.takeAll', { items: [{ key: 'a', quantity: 2 }] }, { items: [{ key: 'a', quantity: 2 }] }],
    ['xp.award', { key: 'a', amount: 2, levels: [1, 5] }, { key: 'a', amount: 2, levels: [1, 5] }],
    ['scores.add', { entries: [{ key: 'a', by: -1 }] }, { entries: [{ key: 'a', by: -1 }] }],
  ])('takes usual params of %s, so that they never meet the schema', (name, usual, output) => {
    expect(operations.find((operation) => operation.name === name)?.accept(usual)).toStrictEqual(output);
  });

  test('copies what it accepts: a caller may change it before it leaves', () => {
    const given = { items: [{ key: 'a', quantity: 2 }] };
    const accepted = operations.find(({ name }) => name === 'inventory.takeAll')?.accept(given);
    given.items[0]!.quantity = 3;

    expect(accepted).toStrictEqual({ items: [{ key: 'a', quantity: 2 }] });
  });

  test.each<[string, z.ZodType, unknown]>([
    ['a transform', z.strictObject({ key: z.string().transform((key) => key.length) }), { key: 'a' }],
    ['a text that is trimmed', z.strictObject({ key: z.string().trim() }), { key: ' a ' }],
    ['a coerced number', z.strictObject({ by: z.coerce.number() }), { by: 7 }],
    ['a format', z.strictObject({ id: z.uuid() }), { id: 'no' }],
    ['a smaller number format', z.strictObject({ by: z.int32() }), { by: 2 ** 40 }],
    [
      'a default that is an object',
      z.strictObject({ a: z.strictObject({ b: z.int().default(1) }).default({ b: 2 }) }),
      {},
    ],
    ['a refinement that waits', z.strictObject({ a: z.int() }).refine(() => Promise.resolve(true)), { a: 1 }],
    ['an optional default', z.strictObject({ a: z.int().default(1).optional() }), {}],
    ['a __proto__', z.strictObject({ ['__proto__']: z.int() }), JSON.parse('{"__proto__":1}')],
    ['the name of something inherited', z.strictObject({ toString: z.int() }), { toString: 1 }],
    ['frozen output', z.strictObject({ a: z.array(z.int()).readonly() }), { a: [1] }],
    ['a union', z.strictObject({ a: z.union([z.int(), z.string()]) }), { a: 1 }],
    ['an enum of numbers', z.strictObject({ a: z.enum({ Up: 1, Down: 2 }) }), { a: 'Up' }],
  ])('leaves a schema with %s to zod', (_, schema, value) => {
    expect(fastPathOf(schema)(value)).toBeUndefined();
  });

  test('leaves a schema within itself to zod', () => {
    const tree = z.strictObject({
      key: z.string(),
      get inner() {
        return z.array(tree).optional();
      },
    });

    expect(expectNoDifference(tree, { key: 'a' })).toStrictEqual({ key: 'a' });
    expect(fastPathOf(tree)({ key: 'a', inner: [{ key: 'b' }] })).toBeUndefined();
  });

  test('asks a default for its value each time, and does not take one that the schema would refuse', () => {
    let next = 1;
    const accept = fastPathOf(z.strictObject({ by: z.int().default(() => next++) }));

    expect([accept({}), accept({})]).toStrictEqual([{ by: 1 }, { by: 2 }]);
    expect(fastPathOf(z.strictObject({ by: z.int().min(1).default(0) }))({})).toBeUndefined();
  });

  test('runs the checks of schemas of the user, in either form', () => {
    const schema = cellObject({ pair: z.array(wholeNumber()).max(2).optional(), ttlSeconds: ttlSeconds().optional() })
      .refine(({ pair }) => pair?.[0] !== 3)
      .superRefine(({ pair }, context) => {
        if (pair?.[0] === 4) {
          context.addIssue('not four');
        }
      });
    const both = z.strictObject({ cells: distinctCells(schema), on: z.boolean(), kind: z.literal(['x', 2]) });
    const rest = { on: true, kind: 2 };

    expect(expectNoDifference(both, { ...rest, cells: [{ key: 'a', pair: [1] }, { key: 'b' }] })).toBeDefined();
    for (const cells of [
      [{ key: 'a', pair: [3] }],
      [{ key: 'a', pair: [4] }],
      [{ key: 'a' }, { key: 'a' }],
      [undefined],
    ]) {
      expect(fastPathOf(both)({ ...rest, cells })).toBeUndefined();
    }
  });
});
