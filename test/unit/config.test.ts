import { expect, test } from 'vitest';
import { readConfig } from '../../src/config.js';

test('an empty environment gives the defaults', () => {
  expect(readConfig({})).toMatchObject({
    HOST: '127.0.0.1',
    PORT: 3000,
    TALLY_NAMESPACE: 'tally',
    TALLY_PREFIX: 'bull',
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
  ['REDIS_URL', 'localhost:6379', 'must be a redis:// or rediss:// URL'],
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

test('a password in a wrong REDIS_URL is not repeated', () => {
  expect(() => readConfig({ REDIS_URL: 'http://user:secret@host' })).toThrow(/^(?!.*secret)/s);
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
