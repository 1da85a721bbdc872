import { expect, test } from 'vitest';
import { defaultBytes, levelOf } from '../../src/workers/keep-outcomes.js';

test.each<[parts: number[], max: number, level: number]>([
  [[], 10, Infinity],
  [[3, 4], 10, Infinity],
  [[5, 5], 10, Infinity],
  [[20], 10, 10],
  [[20, 30], 10, 5],
  [[1, 2, 20], 10, 7],
  [[1, 20, 30], 11, 5],
  [[0, 0, 100], 90, 90],
])('parts of %j share %i: none has more than %f', (parts, max, level) => {
  expect(levelOf(parts, max)).toBe(level);
  const held = parts.reduce((sum, part) => sum + Math.min(part, level), 0);
  expect(held).toBe(
    Math.min(
      max,
      parts.reduce((sum, part) => sum + part, 0),
    ),
  );
});

test('kept outcomes take no more than a sixteenth of the smallest memory', () => {
  expect(defaultBytes([0, 0])).toBe(2 ** 30);
  expect(defaultBytes([2 ** 40])).toBe(2 ** 30);
  expect(defaultBytes([0, 2 ** 31, 2 ** 30])).toBe(2 ** 26);
});
