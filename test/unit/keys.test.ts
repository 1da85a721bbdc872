import { expect, test } from 'vitest';
import { jobKey } from '../../src/bullmq/queue-keys.js';
import { ConfigurationError } from '../../src/errors.js';
import { HoldCell } from '../../src/redis/cell.js';
import type { Cell } from '../../src/redis/cell.js';
import { createKeys, DEFAULT_NAMESPACE } from '../../src/redis/keys.js';
import { NO_SLOT, slotOf, tagOf } from '../../src/redis/slots.js';

const keys = createKeys(DEFAULT_NAMESPACE);

test('keys of the namespace and of the prefix are reserved', () => {
  for (const key of [
    'tally',
    'tally:',
    'tally:job:1',
    'tally:anything',
    'tally-queues',
    'tally-queues:counters:meta',
  ]) {
    expect(keys.isReserved(key), key).toBe(true);
  }
});

test('keys that only look alike are free', () => {
  for (const key of [
    'tallyho',
    'tally-job',
    'my:tally:job:1',
    'Tally:job',
    'tally-queues2',
    'xtally-queues:1',
    'bull:counters:1',
    ' tally:job:1',
    '',
  ]) {
    expect(keys.isReserved(key), key).toBe(false);
  }
});

test('another namespace and prefix reserve their keys instead', () => {
  const { isReserved } = createKeys({ namespace: 'shop', prefix: 'queues' });

  expect(['shop:job:1', 'queues:counters:1'].every(isReserved)).toBe(true);
  expect(['tally:job:1', 'tally-queues:counters:1'].some(isReserved)).toBe(false);
});

const job = { prefix: 'tally-queues', queue: 'counters', jobId: '1' };
const idempotency = { owner: '', operation: 'counter.increment', key: 'a b:c' };

/** Keys of stocks whose braces, or colons, might be taken for those of others. */
const STOCKS = ['a', 'a:r', '{a}', '{a}b', 'a}b', 'a{b', '{}{a}', 'foo{}{bar}', 'a{b}c}', '{a{b}', 'ä}{', 'job'];
const HOLDS = STOCKS.flatMap((key) =>
  [{ key }, { key, field: 'f' }, { key, member: 'f' }].flatMap((stock) => [
    new HoldCell(stock, 'total'),
    new HoldCell(stock, 'quantity'),
    new HoldCell(stock, 'end'),
    ...['r', 'r:s', '1:r'].map((reservation) => new HoldCell(stock, 'closing', reservation)),
  ]),
);

test('what is held lies in the slot of its stock, whatever the braces in its key', () => {
  for (const hold of HOLDS) {
    expect(slotOf(keys.hold(hold).key), hold.key).toBe(slotOf(hold.key));
  }
});

test('other services can tell where the holds of a stock are', () => {
  const at = (stock: Cell) => keys.hold(new HoldCell(stock, 'quantity', 'cart-1'));

  expect(at({ key: 'stock:lamp' })).toEqual({ key: 'tally:{stock:lamp}:holds:sstock:lamp', field: 'cart-1' });
  expect(at({ key: '{shop}:lamp', field: 'n' })).toEqual({
    key: 'tally:{shop}:holds:h11:{shop}:lampn',
    field: 'cart-1',
  });
});

test('every key that Tally writes by itself is reserved, and no two are the same', () => {
  const written = [
    keys.jobReceipt(job, NO_SLOT),
    keys.jobReceipt({ ...job, addedAtMs: 5 }, NO_SLOT),
    keys.jobReceipt({ ...job, queue: 'xp' }, NO_SLOT),
    keys.jobReceipt({ ...job, prefix: 'tally-queues:{p0}' }, NO_SLOT),
    keys.idempotencyReceipt(idempotency, NO_SLOT),
    keys.idempotencyReceipt({ ...idempotency, operation: 'counter.decrement' }, NO_SLOT),
    keys.idempotencyReceipt({ ...idempotency, owner: 'me' }, NO_SLOT),
    keys.announced(NO_SLOT),
    keys.history({ key: '1' }, NO_SLOT),
    ...HOLDS.map((hold) => keys.hold(hold).key),
    keys.partitionCounts,
    keys.queuesNamespace,
    keys.apiKeys,
    keys.users,
    jobKey({ prefix: 'tally-queues', queue: 'counters' }, '1'),
  ];

  expect(written.every(keys.isReserved)).toBe(true);
  expect(new Set(written).size).toBe(written.length);
  expect(keys.jobReceipt(job, NO_SLOT)).toBe('tally:job:tally-queues:counters:1');
  expect(keys.jobReceipt({ ...job, addedAtMs: 5 }, NO_SLOT)).toBe('tally:job:tally-queues:counters:1:5');
  expect(keys.idempotencyReceipt(idempotency, NO_SLOT)).toBe('tally:idem::counter.increment:a b:c');
  expect(keys.announced(NO_SLOT)).toBe('tally:announced');
  expect(keys.apiKeys).toBe('tally:api-keys');
});

test('in a Cluster receipts, and what is announced, lie in a slot beside the cells', () => {
  const slot = 12_182;
  const inSlot = [
    keys.jobReceipt(job, slot),
    keys.idempotencyReceipt(idempotency, slot),
    keys.announced(slot),
    keys.history({ key: '1' }, slot),
  ];

  expect(inSlot.map(slotOf)).toEqual([slot, slot, slot, slot]);
  expect(inSlot[0]).toBe(`tally:{${tagOf(slot)}}:job:tally-queues:counters:1`);
  expect(inSlot.every(keys.isReserved)).toBe(true);
});

test('no owner and key are those of another owner, whatever is in their names', () => {
  const owners = ['', 'a', 'a:b', 'a%3Ab', 'a%', ':', '%', 'ä {b}'];
  const named = owners.flatMap((owner) =>
    ['k', 'b:k', ':k', 'x.y:k'].flatMap((key) =>
      ['x.y', 'y.x'].map((operation) => keys.idempotencyReceipt({ owner, operation, key }, NO_SLOT)),
    ),
  );

  expect(new Set(named).size).toBe(named.length);
  expect(keys.idempotencyReceipt({ ...idempotency, owner: 'shop:eu 50%' }, NO_SLOT)).toMatch(
    /^tally:idem:shop%3Aeu[^:]*50%25:c/,
  );
});

test.each([
  ['tally', 'tally'],
  ['tally', 'tally:queues'],
  ['shop:tally', 'shop'],
])('the namespace %j and the prefix %j are refused, since one lies under the other', (namespace, prefix) => {
  expect(() => createKeys({ namespace, prefix })).toThrow(ConfigurationError);
  expect(() => createKeys({ namespace, prefix })).toThrow(/TALLY_NAMESPACE.*TALLY_PREFIX/);
});

test('names of which one only begins like the other are accepted', () => {
  expect(() => createKeys({ namespace: 'tally', prefix: 'tally-queues' })).not.toThrow();
  expect(() => createKeys({ namespace: 'shop:tally', prefix: 'shop:queues' })).not.toThrow();
});

test.each([
  ['{tally}', 'queues'],
  ['tally', 'queues{1}'],
])('the namespace %j and the prefix %j are refused, since braces would decide on slots', (namespace, prefix) => {
  expect(() => createKeys({ namespace, prefix })).toThrow(/braces/);
});
