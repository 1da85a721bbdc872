import { expect, test } from 'vitest';
import { nearest } from '../../src/lib/nearest.js';

const names = ['counter.increment', 'counter.decrement', 'inventory.take', 'inventory.takeAll', 'xp.award'];

test.each([
  ['counter.incremnt', 'counter.increment'],
  ['Counter.Increment', 'counter.increment'],
  ['counter.decremen', 'counter.decrement'],
  ['inventory.takeall', 'inventory.takeAll'],
  ['inventory.tak', 'inventory.take'],
  ['xp.awrad', 'xp.award'],
])('%s is nearest to %s', (word, expected) => {
  expect(nearest(word, names)).toBe(expected);
});

test.each(['', 'bananas', 'transaction', 'x'])('%j is near to none of them', (word) => {
  expect(nearest(word, names)).toBeUndefined();
});

test('a word of three letters may be two letters off, and no more', () => {
  expect(nearest('abc', ['axy'])).toBe('axy');
  expect(nearest('abc', ['xyz'])).toBeUndefined();
});

test('nothing is near when there is nothing', () => {
  expect(nearest('word', [])).toBeUndefined();
});

test('nothing is near to a word that is too long to be mistyped, and no time is spent on it', () => {
  expect(nearest('counter.increment'.repeat(100_000), names)).toBeUndefined();
});
