import { expect, test } from 'vitest';
import { integerIn } from '../../src/redis/cell-integer.js';

// test/integration/integers.test.ts compares with the script; these are answers that other versions of Redis give.
test.each([
  ['5e+15', 5_000_000_000_000_000],
  ['1e+3', 1_000],
  ['9.007199254740991e+15', 9_007_199_254_740_991],
  ['9.007199254740992e+15', undefined],
  ['-0', 0],
  ['1.5', undefined],
  ['inf', undefined],
  ['-inf', undefined],
  ['nan', undefined],
  ['-nan', undefined],
  ['1e+300', undefined],
])('the score %s is %s', (text, value) => {
  expect(integerIn({ member: 'm' }, text)).toBe(value);
});
