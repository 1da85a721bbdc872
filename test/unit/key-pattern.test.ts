import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesPattern } from '../../src/lib/pattern.js';
import { globFor } from '../../src/redis/glob.js';
import { startStopwatch } from '../support/stopwatch.js';

test.each([
  ['*', '', true],
  ['*', 'anything', true],
  ['stock:*', 'stock:lamp', true],
  ['stock:*', 'stock:', true],
  ['stock:*', 'stock', false],
  ['stock:*', 'my:stock:lamp', false],
  ['stock:*', 'stock:lamp\nxp:bo', true],
  ['*:total', 'a:total', true],
  ['*:total', 'a:total:b', false],
  ['a*b*c', 'abc', true],
  ['a*b*c', 'a-c-b-c', true],
  ['a*b*c', 'acb', false],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['ab*ba', 'aba', false],
  ['**', 'x', true],
  ['a.c', 'abc', false],
  ['a?c', 'abc', false],
  ['[ab]', 'a', false],
  ['[ab]', '[ab]', true],
  ['(a|b)+$^\\d{2}*', '(a|b)+$^\\d{2}!', true],
  ['Stock', 'stock', false],
  ['ä*', 'äh', true],
  ['', '', true],
  ['', 'a', false],
])('the pattern %j and the text %j: %j', (pattern, text, expected) => {
  expect(matchesPattern(pattern, text)).toBe(expected);
});

test('a pattern means the same as its regular expression, anchored', () => {
  const from = (...letters: string[]) => fc.string({ unit: fc.constantFrom(...letters), maxLength: 8 });
  fc.assert(
    fc.property(from('a', 'b', '*'), from('a', 'b'), (pattern, text) => {
      const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(text);
      expect({ pattern, text, fits: matchesPattern(pattern, text) }).toEqual({ pattern, text, fits: expected });
    }),
    { numRuns: 2_000 },
  );
});

test('a pattern of many stars is quick', () => {
  const elapsedMs = startStopwatch();
  expect(matchesPattern('*a'.repeat(250) + '*b', 'a'.repeat(512))).toBe(false);
  expect(elapsedMs()).toBeLessThan(50);
});

test.each([
  ['stock:*', 'stock:*'],
  ['*', '*'],
  ['a[b]?\\c:*:d*', 'a\\[b\\]\\?\\\\c:*'],
  ['*a'.repeat(250), '*'],
  ['stock', 'stock'],
])('Redis is asked for the beginning of the pattern %s', (pattern, glob) => {
  expect(globFor(pattern)).toBe(glob);
});
