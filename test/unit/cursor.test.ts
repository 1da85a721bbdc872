import { expect, test } from 'vitest';
import { NO_SLOT } from '../../src/redis/slots.js';
import { BEGINNING, decodeCursor, encodeCursor, FIRST, isBehind } from '../../src/subscribers/cursor.js';
import type { Position } from '../../src/subscribers/cursor.js';

const encoded = (text: string) => Buffer.from(text).toString('base64url');

const at = (entryId: string, index = 0, number: number | undefined = 7): Position => ({ entryId, index, number });

test("one server's cursors are what they were before Clusters told outcomes", () => {
  const cursor = encoded('1 1764000000000-3 2 17');
  expect(decodeCursor(cursor)).toEqual({
    positions: new Map([[NO_SLOT, at('1764000000000-3', 2, 17)]]),
    elsewhere: FIRST,
  });
  expect(encodeCursor(decodeCursor(cursor))).toBe(cursor);
  expect(encodeCursor({ positions: new Map([[NO_SLOT, BEGINNING]]), elsewhere: BEGINNING })).toBe(encoded('1 0-0 0 -'));
});

test('that of a Cluster names each stream, in one order, and what is to be read of others', () => {
  const one = {
    positions: new Map([
      [8_192, at('5-1')],
      [0, at('6-0', 1)],
    ]),
    elsewhere: FIRST,
  };
  const cursor = encodeCursor(one);
  expect(cursor).toBe(encoded('2 0 0:6-0:1:7 8192:5-1:0:7'));
  expect(decodeCursor(cursor)).toEqual(one);
  const none = { positions: new Map(), elsewhere: BEGINNING };
  expect(decodeCursor(encodeCursor(none))).toEqual(none);
});

test.each(['', '1 x', '3 0', '2 1', '2 0 0:6-0:1', '2 0 0:6-0:1:7 ', '2 - 99999999:6-0:1:7'])(
  '"%s" is none',
  (text) => {
    expect(() => decodeCursor(encoded(text))).toThrow(/no cursor/);
  },
);

test('one is behind another that has come further in any stream', () => {
  const cursor = (...positions: [number, Position][]) => ({ positions: new Map(positions), elsewhere: FIRST });
  const both = cursor([0, at('5-0')], [9, at('5-0')]);
  expect(isBehind(both, both)).toBe(false);
  expect(isBehind(cursor([0, at('5-0')]), both)).toBe(true);
  expect(isBehind(both, cursor([0, at('5-0')]))).toBe(false);
  const [further, other] = [cursor([0, at('6-0')], [9, at('4-0')]), cursor([0, at('5-0', 1)], [9, at('4-0')])];
  expect([isBehind(both, further), isBehind(further, both)]).toEqual([true, true]);
  expect([isBehind(both, other), isBehind(other, both)]).toEqual([true, true]);
  expect(isBehind(cursor([0, FIRST]), cursor([0, BEGINNING], [9, FIRST]))).toBe(false);
});
