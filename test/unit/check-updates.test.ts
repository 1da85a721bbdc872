import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { ValidationError } from '../../src/errors.js';
import type { ValidationIssue } from '../../src/errors.js';
import { createRegistry } from '../../src/operations/registry.js';
import { checkUpdate, checkUpdates, checkUpdatesOf } from '../../src/operations/update.js';
import { createKeys, DEFAULT_NAMESPACE } from '../../src/redis/keys.js';
import { NO_SLOT } from '../../src/redis/slots.js';

const registry = createRegistry();
const { isReserved: isReservedKey } = createKeys(DEFAULT_NAMESPACE);

function issuesOf(...updates: unknown[]): readonly ValidationIssue[] {
  try {
    checkUpdates(updates, { registry, isReservedKey, slotOf: () => NO_SLOT });
  } catch (error) {
    expect(error).toBeInstanceOf(ValidationError);
    return (error as ValidationError).issues;
  }
  return [];
}

const increment = (params: unknown) => ({ operation: 'counter.increment', params });
const items = (...list: unknown[]) => ({ operation: 'inventory.takeAll', params: { items: list } });
const entries = (...list: unknown[]) => ({ operation: 'scores.add', params: { entries: list } });
const transaction = (...updates: unknown[]) => ({ operation: 'transaction', params: { updates } });
const fine = increment({ key: 'a' });
const set = (params: object) => ({ operation: 'counter.set', params: { key: 'a', ...params } });
const remove = (params: object) => ({ operation: 'counter.remove', params: { key: 'a', ...params } });
const count = (params: object) => ({ operation: 'inventory.count', params: { key: 'a', ...params } });
const hold = (verb: string, params: object) => {
  return { operation: `inventory.${verb}`, params: { key: 'a', reservation: 'r', ...params } };
};
const reserve = (params: object) => hold('reserve', { quantity: 1, ttlSeconds: 60, ...params });
const expire = (reservations: unknown[]) => ({ operation: 'inventory.expire', params: { key: 'a', reservations } });

const MAX = Number.MAX_SAFE_INTEGER;

describe('refused params', () => {
  test.each<[what: string, update: unknown, path: string]>([
    ['no key', increment({}), 'params.key'],
    ['an empty key', increment({ key: '' }), 'params.key'],
    ['a key that is no text', increment({ key: 5 }), 'params.key'],
    ['a key of 513 bytes', increment({ key: 'x'.repeat(513) }), 'params.key'],
    ['a key of 171 characters of 3 bytes', increment({ key: '漢'.repeat(171) }), 'params.key'],
    ['a key with a lone surrogate', increment({ key: 'a\ud800b' }), 'params.key'],
    ['an empty field', increment({ key: 'a', field: '' }), 'params.field'],
    ['a field with a lone surrogate', increment({ key: 'a', field: '\udc00' }), 'params.field'],
    ['a member of 513 bytes', increment({ key: 'a', member: 'x'.repeat(513) }), 'params.member'],
    ['both field and member', increment({ key: 'a', field: 'f', member: 'm' }), 'params.member'],
    ['a fraction', increment({ key: 'a', by: 1.5 }), 'params.by'],
    ['zero', increment({ key: 'a', by: 0 }), 'params.by'],
    ['less than zero', increment({ key: 'a', by: -1 }), 'params.by'],
    ['a number beyond 2^53 - 1', increment({ key: 'a', by: MAX + 1 }), 'params.by'],
    ['infinity', increment({ key: 'a', by: Infinity }), 'params.by'],
    ['NaN', increment({ key: 'a', by: NaN }), 'params.by'],
    ['a number as text', increment({ key: 'a', by: '1' }), 'params.by'],
    ['null', increment({ key: 'a', by: null }), 'params.by'],
    ['a max that is a fraction', increment({ key: 'a', max: 0.5 }), 'params.max'],
    ['a TTL of 0', increment({ key: 'a', ttlSeconds: 0 }), 'params.ttlSeconds'],
    ['a TTL beyond ten years', increment({ key: 'a', ttlSeconds: 1e9 }), 'params.ttlSeconds'],
    ['a TTL of a hash field', increment({ key: 'a', field: 'f', ttlSeconds: 5 }), 'params.ttlSeconds'],
    ['a TTL of a member', increment({ key: 'a', member: 'm', ttlSeconds: 5 }), 'params.ttlSeconds'],
    ['an unknown property', increment({ key: 'a', amount: 5 }), 'params'],
    ['no params', increment(undefined), 'params'],
    ['params that are a list', increment([]), 'params'],
    ['a quantity of 0', { operation: 'inventory.take', params: { key: 'a', quantity: 0 } }, 'params.quantity'],
    ['no quantity', { operation: 'inventory.restock', params: { key: 'a' } }, 'params.quantity'],
    [
      'an unknown choice',
      { operation: 'inventory.take', params: { key: 'a', quantity: 1, whenShort: 'wait' } },
      'params.whenShort',
    ],
    ['an empty cart', items(), 'params.items'],
    [
      'a cart of 101 items',
      items(...Array.from({ length: 101 }, (_, n) => ({ key: `${n}`, quantity: 1 }))),
      'params.items',
    ],
    ['a bad item', items({ key: 'a', quantity: 1 }, { key: 'b', quantity: 0 }), 'params.items[1].quantity'],
    ['an item twice', items({ key: 'a', quantity: 1 }, { key: 'a', quantity: 2 }), 'params.items[1].key'],
    [
      'a field twice',
      items(...['f', 'g', 'f'].map((field) => ({ key: 'a', field, quantity: 1 }))),
      'params.items[2].key',
    ],
    ['a member twice', entries(...['m', 'm'].map((member) => ({ key: 'a', member, by: 1 }))), 'params.entries[1].key'],
    ['an entry without by', entries({ key: 'a' }), 'params.entries[0].by'],
    [
      'levels that do not ascend',
      { operation: 'xp.award', params: { key: 'a', amount: 1, levels: [1, 1] } },
      'params.levels',
    ],
    ['no levels', { operation: 'xp.award', params: { key: 'a', amount: 1, levels: [] } }, 'params.levels'],
    ['an unknown whenOver', increment({ key: 'a', max: 1, whenOver: 'wait' }), 'params.whenOver'],
    ['whenOver without a limit', increment({ key: 'a', whenOver: 'saturate' }), 'params.whenOver'],
    ['a life to renew that is not given', increment({ key: 'a', renewTtl: true }), 'params.renewTtl'],
    ['renewTtl that is no flag', increment({ key: 'a', ttlSeconds: 5, renewTtl: 1 }), 'params.renewTtl'],
    ['a renewed life of a field', set({ field: 'f', value: 1, ttlSeconds: 5, renewTtl: true }), 'params.ttlSeconds'],
    ['no value', set({}), 'params.value'],
    ['a value of null', set({ value: null }), 'params.value'],
    ['a value beyond 2^53 - 1', set({ value: -MAX - 1 }), 'params.value'],
    ['expected that is a text', set({ value: 1, expected: '1' }), 'params.expected'],
    ['expected that is a fraction', set({ value: 1, expected: 0.5 }), 'params.expected'],
    ['expected beyond 2^53 - 1', remove({ expected: MAX + 1 }), 'params.expected'],
    ['a removal with a value', remove({ value: 1 }), 'params'],
    ['a removal without a key', { operation: 'counter.remove', params: {} }, 'params.key'],
    ['a count that is negative', count({ counted: -1, of: 'onHand' }), 'params.counted'],
    ['a count without what is counted', count({ of: 'onHand' }), 'params.counted'],
    ['a count of no one knows what', count({ counted: 1 }), 'params.of'],
    ['a count of something else', count({ counted: 1, of: 'all' }), 'params.of'],
    ['a reservation without a name', reserve({ reservation: undefined }), 'params.reservation'],
    ['a reservation with an empty name', reserve({ reservation: '' }), 'params.reservation'],
    ['a reservation with a name of 129 bytes', reserve({ reservation: 'é'.repeat(64) + 'x' }), 'params.reservation'],
    ['a reservation with a lone surrogate', reserve({ reservation: '\ud800' }), 'params.reservation'],
    ['a reservation of nothing', reserve({ quantity: 0 }), 'params.quantity'],
    ['a reservation without an end', reserve({ ttlSeconds: undefined }), 'params.ttlSeconds'],
    ['a reservation for no time', reserve({ ttlSeconds: 0 }), 'params.ttlSeconds'],
    ['a reservation for more than 30 days', reserve({ ttlSeconds: 2_592_001 }), 'params.ttlSeconds'],
    ['a reservation with a min that is a text', reserve({ min: '0' }), 'params.min'],
    ['a reservation that replaces maybe', reserve({ replace: 1 }), 'params.replace'],
    ['a reservation of a field and a member', reserve({ field: 'f', member: 'm' }), 'params.member'],
    ['a reservation that is extended for no time', hold('extend', { ttlSeconds: 0 }), 'params.ttlSeconds'],
    ['a confirmation of nothing', hold('confirm', { quantity: 0 }), 'params.quantity'],
    ['a confirmation of a reservation without a name', hold('confirm', { reservation: 5 }), 'params.reservation'],
    ['a release of a quantity', hold('release', { quantity: 1 }), 'params'],
    ['an expiry of none', expire([]), 'params.reservations'],
    ['an expiry of 101', expire(Array.from({ length: 101 }, (_, n) => `${n}`)), 'params.reservations'],
    ['an expiry of one twice', expire(['r', 's', 'r']), 'params.reservations'],
    ['an expiry of one without a name', expire(['r', '']), 'params.reservations[1]'],
    ['XP of 0 to take', { operation: 'xp.take', params: { key: 'a', amount: 0 } }, 'params.amount'],
    [
      'a min of XP that is no number',
      { operation: 'xp.take', params: { key: 'a', amount: 1, min: null } },
      'params.min',
    ],
    ['a best score without one', { operation: 'scores.best', params: { key: 'a' } }, 'params.value'],
    [
      'a best score that is neither',
      { operation: 'scores.best', params: { key: 'a', value: 1, keep: 'best' } },
      'params.keep',
    ],
    [
      'bad params of a removal in a transaction',
      transaction(fine, remove({ expected: 'x' })),
      'params.updates[1].params.expected',
    ],
    ['a transaction of one', transaction(fine), 'params.updates'],
    ['a transaction of 21', transaction(...Array.from({ length: 21 }, () => fine)), 'params.updates'],
    ['a transaction in a transaction', transaction(fine, transaction(fine, fine)), 'params.updates[1].operation'],
    ['an unknown operation in it', transaction({ operation: 'x.y', params: {} }, fine), 'params.updates[0].operation'],
    ['bad params in it', transaction(fine, increment({ key: 'a', by: 0 })), 'params.updates[1].params.by'],
    [
      'a cart that names an item twice in it',
      transaction(fine, items({ key: 'a', quantity: 1 }, { key: 'a', quantity: 1 })),
      'params.updates[1].params.items[1].key',
    ],
    ['an idempotency key in it', transaction(fine, { ...fine, idempotencyKey: 'k' }), 'params.updates[1]'],
  ])('name the path: %s', (_what, update, path) => {
    expect(issuesOf(update)).toMatchObject([{ path: `[0].${path}`, code: 'INVALID_PARAMS' }]);
  });
});

describe('a refused update', () => {
  test.each<[what: string, update: unknown, path: string]>([
    ['null', null, '[0]'],
    ['a text', 'counter.increment', '[0]'],
    ['a list', [], '[0]'],
    ['no operation', { params: {} }, '[0].operation'],
    ['an operation that is no text', { operation: 5, params: {} }, '[0].operation'],
    ['an empty idempotency key', { ...fine, idempotencyKey: '' }, '[0].idempotencyKey'],
    ['an idempotency key of 256 bytes', { ...fine, idempotencyKey: 'é'.repeat(128) }, '[0].idempotencyKey'],
    ['an idempotency key with a lone surrogate', { ...fine, idempotencyKey: '\ud800' }, '[0].idempotencyKey'],
    ['an unknown property', { ...fine, idempotencykey: 'k' }, '[0]'],
  ])('names the path: %s', (_what, update, path) => {
    expect(issuesOf(update)).toMatchObject([{ path, code: 'INVALID_UPDATE' }]);
  });

  test.each([
    ['counter.incremnt', 'counter.increment'],
    ['inventory.takeall', 'inventory.takeAll'],
    ['transactions', 'transaction'],
  ])('asks for %s whether %s was meant', (operation, suggestion) => {
    expect(issuesOf({ operation, params: {} })).toEqual([
      {
        path: '[0].operation',
        code: 'UNKNOWN_OPERATION',
        message: `unknown operation "${operation}"; did you mean "${suggestion}"?`,
      },
    ]);
  });

  test('suggests nothing when nothing is near', () => {
    expect(issuesOf({ operation: 'bananas.peel', params: {} })).toMatchObject([
      { message: 'unknown operation "bananas.peel"' },
    ]);
  });

  test.each(['__proto__', 'constructor', 'toString', ''])('may be called %j', (operation) => {
    expect(issuesOf({ operation, params: {} })).toMatchObject([{ code: 'UNKNOWN_OPERATION' }]);
  });
});

describe('a reserved key', () => {
  test.each<[update: unknown, path: string]>([
    [increment({ key: 'tally:job:1' }), 'params.key'],
    [increment({ key: 'tally-queues:counters:1', field: 'attempts' }), 'params.key'],
    [items({ key: 'a', quantity: 1 }, { key: 'tally', quantity: 1 }), 'params.items[1].key'],
    [transaction(fine, increment({ key: 'tally:x' })), 'params.updates[1].params.key'],
    [
      transaction(fine, entries({ key: 'a', by: 1 }, { key: 'tally-queues:x', by: 1 })),
      'params.updates[1].params.entries[1].key',
    ],
  ])('is refused in %j, with its path', (update, path) => {
    expect(issuesOf(update)).toMatchObject([{ path: `[0].${path}`, code: 'RESERVED_KEY' }]);
  });
});

test('every issue of every update is told, and the error has the code of the first', () => {
  const updates = [
    fine,
    increment({ key: '', by: 0 }),
    { operation: 'nothing', params: {} },
    increment({ key: 'tally-queues' }),
  ];

  expect(issuesOf(...updates).map(({ path, code }) => `${path} ${code}`)).toEqual([
    '[1].params.key INVALID_PARAMS',
    '[1].params.by INVALID_PARAMS',
    '[2].operation UNKNOWN_OPERATION',
    '[3].params.key RESERVED_KEY',
  ]);
  expect(() => checkUpdates(updates, { registry, isReservedKey, slotOf: () => NO_SLOT })).toThrow(
    expect.objectContaining({
      code: 'INVALID_PARAMS',
      message: expect.stringMatching(/^\[1\]\.params\.key: /) as string,
    }),
  );
});

test('one update alone has paths of its own', () => {
  expect(() => checkUpdate(increment({ key: '' }), { registry, isReservedKey, slotOf: () => NO_SLOT })).toThrow(
    /^params\.key: /,
  );
});

describe('the updates of a job', () => {
  const context = { registry, isReservedKey, slotOf: () => NO_SLOT };
  const held = (params: unknown, more: object = {}) => {
    return { params, idempotencyKey: undefined, idempotencyOwner: '', slot: undefined, ...more };
  };
  const checkHeld = (operation: string, updates: readonly ReturnType<typeof held>[]) =>
    checkUpdatesOf(
      operation,
      updates.map(({ params }) => params),
      (index) => updates[index]!,
      context,
    );

  test('are checked each for itself: one that is not valid says why, in its place, and is none of the others', () => {
    const bad = held({ key: '' }, { idempotencyKey: 'k', idempotencyOwner: 'me', slot: 5 });

    const [first, second, third] = checkHeld('counter.increment', [held({ key: 'a' }), bad, held({ key: 'b' })]);

    expect(first).toMatchObject({ params: { key: 'a', by: 1 } });
    expect(second).toEqual({ ...bad, refusal: expect.stringMatching(/^\?INVALID_PARAMS,params\.key: ./) as string });
    expect(third).toMatchObject({ params: { key: 'b', by: 1 } });
    expect([first, third].map((update) => 'refusal' in update!)).toEqual([false, false]);
  });

  test('of an operation that this worker does not know are all refused', () => {
    expect(checkHeld('nothing.known', [held({}), held({})])).toMatchObject(
      [1, 2].map(() => ({ refusal: '?UNKNOWN_OPERATION,operation: unknown operation "nothing.known"' })),
    );
  });

  test('are refused in words without what separates outcomes', () => {
    const [refused] = checkHeld('a;b|c\nd', [held({})]);

    expect(refused).toMatchObject({ refusal: expect.stringMatching(/^\?UNKNOWN_OPERATION,[^;|\n]*$/) as string });
  });

  test.each(['tally:x', 'tally-queues:x'])('may not write %s', (key) => {
    expect(checkHeld('counter.increment', [held({ key })])).toMatchObject([
      { refusal: expect.stringMatching(/^\?RESERVED_KEY,/) as string },
    ]);
  });
});

test('params at their limits are accepted', () => {
  expect(
    issuesOf(
      increment({ key: 'x'.repeat(512), by: MAX, max: MAX, ttlSeconds: 315_360_000 }),
      increment({ key: 'a', field: '漢'.repeat(170) }),
      items(...Array.from({ length: 100 }, (_, n) => ({ key: `${n}`, quantity: MAX }))),
      items({ key: 'a', quantity: 1 }, { key: 'a', field: 'a', quantity: 1 }, { key: 'a', member: 'a', quantity: 1 }),
      entries({ key: 'ab', field: 'c', by: -MAX }, { key: 'a', field: 'bc', by: 0 }),
      transaction(...Array.from({ length: 20 }, () => fine)),
      { ...fine, idempotencyKey: 'x'.repeat(255) },
    ),
  ).toEqual([]);
});

test('checked params are complete and pass the check again unchanged', () => {
  const updates = [
    increment({ key: 'a' }),
    { operation: 'inventory.take', params: { key: 'a', quantity: 2 } },
    transaction(fine, { operation: 'inventory.take', params: { key: 'b', quantity: 1 } }),
  ];

  const checked = checkUpdates(updates, { registry, isReservedKey, slotOf: () => NO_SLOT });
  const again = checkUpdates(
    checked.map(({ operation, params }) => ({ operation: operation.name, params })),
    { registry, isReservedKey, slotOf: () => NO_SLOT },
  );

  expect(checked.map(({ params }) => params)).toEqual([
    { key: 'a', by: 1 },
    { key: 'a', quantity: 2, whenShort: 'floor' },
    {
      updates: [
        { operation: 'counter.increment', params: { key: 'a', by: 1 } },
        { operation: 'inventory.take', params: { key: 'b', quantity: 1, whenShort: 'floor' } },
      ],
    },
  ]);
  expect(again.map(({ params }) => params)).toEqual(checked.map(({ params }) => params));
});

test('what is wrong with a param is said once, whatever it is', () => {
  const bad = ['x', '', ' ', -1.5, 1e300, NaN, -1, null, {}, [], [{}], ['', ''], true, 'x'.repeat(600), '\ud800'];
  for (const { name, params } of registry.operations.filter(({ name }) => name !== 'transaction')) {
    const { shape } = params as z.ZodObject;
    for (const [param, value] of Object.keys(shape).flatMap((param) => bad.map((value) => [param, value] as const))) {
      const one = { operation: name, params: { [param]: value } };
      for (const update of [one, transaction(one, one)]) {
        const issues = issuesOf(update).map(({ path, message }) => `${path}: ${message}`);
        expect(issues).toEqual([...new Set(issues)]);
      }
    }
  }
});
