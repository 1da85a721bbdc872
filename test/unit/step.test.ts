import { expect, test } from 'vitest';
import type { Step } from '../../src/operations/operation.js';
import { commonSlot, firstSlot } from '../../src/operations/step.js';
import { slotOf } from '../../src/redis/slots.js';

function step(...keys: string[]): Step {
  const cells = keys.map((key) => ({ key }));
  return { operation: 'a.b', cells, args: [], history: false, params: {}, rejections: {} };
}

test('the first slot of an update is that of its first key, also when its first step has none', () => {
  expect(firstSlot([step('a', 'b')])).toBe(slotOf('a'));
  expect(firstSlot([step(), step('b'), step('a')])).toBe(slotOf('b'));
});

test('an update without keys has a slot all the same', () => {
  expect(firstSlot([])).toBe(0);
  expect(firstSlot([step()])).toBe(0);
});

test('all keys of an update have a slot in common, or two of them are named', () => {
  expect(commonSlot([step('{s}a', '{s}b'), step('{s}c')])).toBe(slotOf('s'));
  expect(commonSlot([step('{s}a'), step('b')])).toEqual({ first: '{s}a', other: 'b' });
});
