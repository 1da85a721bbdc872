import { expect, test } from 'vitest';
import { createKeys, DEFAULT_NAMESPACE } from '../../src/redis/keys.js';

const keys = createKeys(DEFAULT_NAMESPACE);

test('keys of the namespace and of the prefix are reserved', () => {
  for (const key of ['tally', 'tally:', 'tally:job:1', 'tally:anything', 'bull', 'bull:', 'bull:counters:meta']) {
    expect(keys.isReserved(key), key).toBe(true);
  }
});

test('keys that only look alike are free', () => {
  for (const key of [
    'tallyho',
    'tally-job',
    'my:tally:job:1',
    'Tally:job',
    'bulletin',
    'xbull:1',
    ' tally:job:1',
    '',
  ]) {
    expect(keys.isReserved(key), key).toBe(false);
  }
});

test('another namespace and prefix reserve their keys instead', () => {
  const { isReserved } = createKeys({ namespace: 'shop', prefix: 'queues' });

  expect(['shop:job:1', 'queues:counters:1'].every(isReserved)).toBe(true);
  expect(['tally:job:1', 'bull:counters:1'].some(isReserved)).toBe(false);
});

test('every key that Tally writes by itself is reserved, and no two are the same', () => {
  const written = [
    keys.jobReceipt('1'),
    keys.idempotencyReceipt('1'),
    keys.history({ key: '1' }),
    keys.apiKeys,
    keys.job('counters', '1'),
  ];

  expect(written.every(keys.isReserved)).toBe(true);
  expect(new Set(written).size).toBe(written.length);
  expect(keys.jobReceipt('1')).toBe('tally:job:1');
  expect(keys.idempotencyReceipt('a b:c')).toBe('tally:idem:a b:c');
  expect(keys.apiKeys).toBe('tally:api-keys');
  expect(keys.job('counters', '1')).toBe('bull:counters:1');
});
