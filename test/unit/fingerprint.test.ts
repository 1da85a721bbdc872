import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineOperation } from '../../src/operations/operation.js';
import { createRegistry } from '../../src/operations/registry.js';
import { checkUpdates, fingerprint } from '../../src/operations/update.js';
import { NO_SLOT } from '../../src/redis/slots.js';

const registry = createRegistry();

/** The fingerprint of an update as the script gets it: after its check. */
function fingerprintOf(operation: string, params: unknown): string {
  const [checked] = checkUpdates([{ operation, params }], {
    registry,
    isReservedKey: () => false,
    slotOf: () => NO_SLOT,
  });
  return fingerprint(checked!.operation, checked!.params);
}

test('it is 96 bits of text without spaces', () => {
  const print = fingerprintOf('counter.increment', { key: 'a' });

  expect(print).toMatch(/^[\w-]{16}$/);
  expect(Buffer.from(print, 'base64url')).toHaveLength(12);
});

test('it stays the same over releases, since receipts outlive them', () => {
  // printf 'counter.increment\n{"key":"a"}' | openssl dgst -sha256 -binary | head -c 12 | base64
  expect(fingerprintOf('counter.increment', { key: 'a' })).toBe('X2XKIeaElNzy8Lkz');
  // printf 'counter.increment\n{"by":2,"key":"a"}' | openssl dgst -sha256 -binary | head -c 12 | base64
  expect(fingerprintOf('counter.increment', { key: 'a', by: 2 })).toBe('PshQb8s8U8f1EJlg');
});

/** An operation as a user defines it, with these params. */
function customOperation(shape: z.ZodRawShape) {
  return defineOperation({
    name: 'custom.one',
    description: 'For this test.',
    params: z.strictObject(shape),
    cells: () => [],
    lua: '',
    result: () => null,
  });
}

test('it stays the same when a release gives the operation another param with a default', () => {
  const before = customOperation({ key: z.string() });
  const after = customOperation({ key: z.string(), by: z.int().default(1) });

  expect(fingerprint(after, { key: 'a', by: 1 })).toBe(fingerprint(before, { key: 'a' }));
  expect(fingerprint(after, { key: 'a', by: 2 })).not.toBe(fingerprint(before, { key: 'a' }));
});

test('it does not depend on the order in which anything stands', () => {
  const custom = customOperation({ key: z.string(), amounts: z.unknown() });
  const params = { key: 'a', amounts: { x: 1, y: [{ p: 1, q: 2 }] } };
  const reordered = { amounts: { y: [{ q: 2, p: 1 }], x: 1 }, key: 'a' };

  expect(fingerprint(custom, reordered)).toBe(fingerprint(custom, params));
  expect(fingerprint(custom, { ...params, amounts: { x: 1, y: [{ p: 2, q: 1 }] } })).not.toBe(
    fingerprint(custom, params),
  );
});

test.each([
  ['counter.increment', { key: 'a' }, { key: 'a', by: 1 }],
  ['counter.increment', { key: 'a', max: 5 }, { by: 1, max: 5, key: 'a' }],
  ['counter.increment', { key: 'a', max: 5 }, { key: 'a', max: 5, whenOver: 'reject' }],
  ['counter.increment', { key: 'a', ttlSeconds: 5 }, { key: 'a', ttlSeconds: 5, renewTtl: false }],
  ['scores.best', { key: 'a', value: 5 }, { key: 'a', value: 5, keep: 'highest' }],
  ['xp.take', { key: 'a', amount: 5 }, { key: 'a', amount: 5, min: 0 }],
  ['counter.increment', { key: 'a' }, { key: 'a', max: undefined, ttlSeconds: undefined }],
  ['counter.increment', { key: 'a', field: 'f' }, { field: 'f', key: 'a' }],
  ['inventory.take', { key: 'a', quantity: 1 }, { whenShort: 'floor', quantity: 1, key: 'a' }],
  ['scores.add', { entries: [{ key: 'a', by: 0 }] }, { entries: [{ by: -0, key: 'a' }] }],
  [
    'transaction',
    {
      updates: [
        { operation: 'counter.increment', params: { key: 'a' } },
        { operation: 'counter.increment', params: { key: 'b' } },
      ],
    },
    {
      updates: [
        { params: { by: 1, key: 'a' }, operation: 'counter.increment' },
        { operation: 'counter.increment', params: { key: 'b', by: 1 } },
      ],
    },
  ],
])('of %s it is the same for %j and %j', (operation, params, same) => {
  expect(fingerprintOf(operation, same)).toBe(fingerprintOf(operation, params));
});

test('it differs for every other update', () => {
  const updates: [string, unknown][] = [
    ['counter.increment', { key: 'a' }],
    ['counter.decrement', { key: 'a' }],
    ['counter.increment', { key: 'b' }],
    ['counter.increment', { key: 'a', by: 2 }],
    ['counter.increment', { key: 'a', max: 2 }],
    ['counter.increment', { key: 'a', max: 2, whenOver: 'saturate' }],
    ['counter.increment', { key: 'a', ttlSeconds: 2 }],
    ['counter.increment', { key: 'a', ttlSeconds: 2, renewTtl: true }],
    ['counter.set', { key: 'a', value: 1 }],
    ['counter.set', { key: 'a', value: 1, expected: 0 }],
    ['counter.set', { key: 'a', value: 1, expected: null }],
    ['counter.remove', { key: 'a' }],
    ['counter.remove', { key: 'a', expected: null }],
    ['counter.increment', { key: 'a', field: 'f' }],
    ['counter.increment', { key: 'a', member: 'f' }],
    ['counter.increment', { key: 'af' }],
    ['inventory.take', { key: 'a', quantity: 1 }],
    ['inventory.take', { key: 'a', quantity: 1, whenShort: 'reject' }],
    ['inventory.restock', { key: 'a', quantity: 1 }],
    ['inventory.takeAll', { items: [{ key: 'a', quantity: 1 }] }],
    ['scores.add', { entries: [{ key: 'a', by: 1 }] }],
    ['scores.add', { entries: ['a', 'b'].map((key) => ({ key, by: 1 })) }],
    ['scores.add', { entries: ['b', 'a'].map((key) => ({ key, by: 1 })) }],
    ['xp.award', { key: 'a', amount: 1 }],
    ['xp.award', { key: 'a', amount: 1, levels: [1, 2] }],
    ['xp.award', { key: 'a', amount: 1, levels: [12] }],
  ];

  const prints = updates.map(([operation, params]) => fingerprintOf(operation, params));

  expect(new Set(prints).size).toBe(updates.length);
});
