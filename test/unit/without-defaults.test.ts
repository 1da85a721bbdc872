import { expect, test } from 'vitest';
import { z } from 'zod';
import { defaultsRemover } from '../../src/operations/without-defaults.js';

const choice = z.enum(['floor', 'reject']).default('floor');

test.each<[what: string, schema: z.ZodType, params: unknown, left: unknown]>([
  ['what equals its default', z.object({ key: z.string(), by: z.int().default(1) }), { key: 'a', by: 1 }, { key: 'a' }],
  ['no other value', z.object({ by: z.int().default(1) }), { by: 2 }, { by: 2 }],
  [
    'no value without a default',
    z.object({ by: z.int(), on: choice }),
    { by: 1, on: 'reject' },
    { by: 1, on: 'reject' },
  ],
  [
    'defaults within lists',
    z.object({ items: z.array(z.object({ n: z.int().default(1), whenShort: choice })) }),
    {
      items: [
        { n: 1, whenShort: 'reject' },
        { n: 2, whenShort: 'floor' },
      ],
    },
    { items: [{ whenShort: 'reject' }, { n: 2 }] },
  ],
  [
    'defaults within objects, also in those that may be missing',
    z.object({
      inner: z.strictObject({ on: choice }).optional().nullable(),
      other: z.readonly(z.object({ on: choice })),
    }),
    { inner: { on: 'floor' }, other: { on: 'floor' } },
    { inner: {}, other: {} },
  ],
  [
    'a default that is a list or an object',
    z.object({ levels: z.array(z.int()).default([1, 2]), at: z.object({ x: z.int() }).default({ x: 0 }) }),
    { levels: [1, 2], at: { x: 0 } },
    {},
  ],
  [
    'a list that differs from its default',
    z.object({ levels: z.array(z.int()).default([1, 2]) }),
    { levels: [2, 1] },
    { levels: [2, 1] },
  ],
  [
    'within a default object that differs',
    z.object({ at: z.object({ on: choice, x: z.int() }).default({ on: 'floor', x: 0 }) }),
    { at: { on: 'floor', x: 1 } },
    { at: { x: 1 } },
  ],
])('it takes out %s', (_what, schema, params, left) => {
  const before = structuredClone(params);

  expect(defaultsRemover(schema)(params)).toEqual(left);

  expect(params).toEqual(before);
});

test('an object may hold itself', () => {
  const Folder = z.object({
    name: z.string(),
    mode: z.enum(['r', 'w']).default('r'),
    get folders() {
      return z.array(Folder).optional();
    },
  });
  const inner = {
    name: 'b',
    mode: 'r',
    folders: [
      { name: 'c', mode: 'w' },
      { name: 'd', mode: 'r' },
    ],
  };
  expect(defaultsRemover(Folder)({ name: 'a', mode: 'r', folders: [inner] })).toEqual({
    name: 'a',
    folders: [{ name: 'b', folders: [{ name: 'c', mode: 'w' }, { name: 'd' }] }],
  });
});

test('params of a schema without defaults are not copied', () => {
  const params = { key: 'a', inner: { list: [1] } };
  const schema = z.object({ key: z.string(), inner: z.object({ list: z.array(z.int()) }) });

  expect(defaultsRemover(schema)(params)).toBe(params);
});

test.each([undefined, null, 5, 'text'])('what does not fit the schema (%j) is left as it is', (params) => {
  expect(defaultsRemover(z.object({ by: z.int().default(1) }))(params)).toEqual(params);
});
