import { expect, test } from 'vitest';
import { readConfig } from '../../cli/config.js';

test('an empty environment gives the defaults', () => {
  expect(readConfig({})).toMatchObject({
    HOST: '127.0.0.1',
    PORT: 3000,
    TALLY_NAMESPACE: 'tally',
    TALLY_PREFIX: 'tally-queues',
  });
  expect(readConfig({}).REDIS_URL).toBeUndefined();
});

test('an empty variable counts as not set', () => {
  expect(readConfig({ PORT: '' }).PORT).toBe(3000);
});

test.each([
  ['PORT', 'http', 'must be a whole number from 0 to 65535, but is "http"; for example PORT=3000'],
  ['PORT', '70000', 'must be a whole number'],
  ['TALLY_CONCURRENCY', '0', 'must be a whole number from 1 to 1000'],
  ['REDIS_URL', 'localhost:6379', 'is no URL of Redis: write redis://host:port, redis-cluster://host:port'],
  ['REDIS_URL', 'redis-clusters://localhost', 'is no URL of Redis'],
  ['REDIS_URL', 'redis://:10%@localhost', 'write % as %25'],
  ['TALLY_REDIS_TLS_REJECT_UNAUTHORIZED', 'no', 'must be true or false'],
  ['TALLY_PARTITIONS', '257', 'must be a whole number from 1 to 256'],
  ['TALLY_PARTITION_SHARE', '0/3', 'must be a part and the number of parts, as in 1/3'],
  ['TALLY_PARTITION_SHARE', '4/3', 'no part after the last'],
  ['TALLY_REPLICAS_TO_CONFIRM', '11', 'must be a whole number from 0 to 10'],
  ['TALLY_CONFIRM_ON_DISK', 'yes', 'must be true or false'],
  ['LOG_LEVEL', 'loud', 'must be trace, debug'],
  ['HOST', 'http://localhost', 'must be an IP address or the name of a machine'],
  ['TALLY_HISTORY', '1001', 'must be a number from 0 to 1000, or such numbers by operation'],
  ['TALLY_HISTORY', 'xp.award:20', 'must be a number from 0 to 1000, or such numbers by operation'],
  ['TALLY_HISTORY', 'xp.award=2000', 'must be a number from 0 to 1000, or such numbers by operation'],
])('%s=%s is refused with what to write instead', (name, value, message) => {
  expect(() => readConfig({ [name]: value })).toThrow(`${name}: `);
  expect(() => readConfig({ [name]: value })).toThrow(message);
});

test('every wrong variable is named at once', () => {
  expect(() => readConfig({ PORT: 'x', LOG_LEVEL: 'y' })).toThrow(/PORT: .*\nLOG_LEVEL: /);
});

test('a misspelt TALLY_ variable is refused with the nearest known one', () => {
  expect(() => readConfig({ TALLY_CONCURENCY: '5' })).toThrow('did you mean TALLY_CONCURRENCY?');
});

test.each([
  'redis://127.0.0.1:6379/1',
  'rediss://user:secret@redis.example',
  'redis-cluster://10.0.0.1:6379?node=10.0.0.2:6379&node=10.0.0.3',
  'rediss-sentinel://10.0.0.1?node=10.0.0.2&master=tally',
  'redis+unix:///run/redis/redis.sock?db=2',
])('REDIS_URL may be %s', (url) => {
  expect(readConfig({ REDIS_URL: url }).REDIS_URL).toBe(url);
});

test('partitions, their share and confirmations are read as numbers and words', () => {
  const set = readConfig({
    TALLY_PARTITIONS: '16',
    TALLY_PARTITION_SHARE: '2/3',
    TALLY_REPLICAS_TO_CONFIRM: '1',
    TALLY_CONFIRM_ON_DISK: 'true',
  });
  expect(set).toMatchObject({
    TALLY_PARTITIONS: 16,
    TALLY_PARTITION_SHARE: { number: 2, of: 3 },
    TALLY_REPLICAS_TO_CONFIRM: 1,
    TALLY_CONFIRM_ON_DISK: true,
  });
  expect(readConfig({})).toMatchObject({ TALLY_REPLICAS_TO_CONFIRM: 0, TALLY_CONFIRM_ON_DISK: false });
  expect(readConfig({}).TALLY_PARTITIONS).toBeUndefined();
});

test('histories are of all operations or by operation', () => {
  expect(readConfig({ TALLY_HISTORY: '100' }).TALLY_HISTORY).toBe(100);
  expect(readConfig({ TALLY_HISTORY: 'inventory.take=100,xp.award=0' }).TALLY_HISTORY).toEqual(
    new Map([
      ['inventory.take', 100],
      ['xp.award', 0],
    ]),
  );
});
