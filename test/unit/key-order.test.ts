import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyOrder } from '../../cli/relay/key-order.js';

interface Item {
  readonly id: number;
  readonly keys: readonly string[];
}

test('an item goes when all that came before it with one of its keys are done', () => {
  const order = new KeyOrder<Item>();
  const [a, b, ab, c] = [
    { id: 1, keys: ['a'] },
    { id: 2, keys: ['b'] },
    { id: 3, keys: ['a', 'b'] },
    { id: 4, keys: ['a'] },
  ];
  expect([a, b, ab, c].map((item) => order.add(item, item.keys))).toEqual([true, true, false, false]);
  expect(order.done(a)).toEqual([]);
  expect(order.done(b)).toEqual([ab]);
  expect(order.done(ab)).toEqual([c]);
  expect(order.done(c)).toEqual([]);
  expect(order.add({ id: 5, keys: [] }, [])).toBe(true);
});

test('whatever ends first, each key has one item at a time, in the order in which they came, and all get their turn', () => {
  const keys = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 3 });
  const steps = fc.array(fc.oneof(fc.record({ keys }), fc.nat()), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (script) => {
      const order = new KeyOrder<Item>();
      const running: Item[] = [];
      const latest = new Map<string, number>();
      const begin = (item: Item) => {
        for (const key of item.keys) {
          expect(running.some((other) => other.keys.includes(key))).toBe(false);
          expect(latest.get(key) ?? 0).toBeLessThan(item.id);
          latest.set(key, item.id);
        }
        running.push(item);
      };
      const end = (place: number) => {
        for (const next of running.splice(place, 1).flatMap((item) => order.done(item))) {
          begin(next);
        }
      };
      let added = 0;
      let begun = 0;
      for (const step of script) {
        if (typeof step === 'object') {
          const item = { id: (added += 1), keys: step.keys };
          if (order.add(item, item.keys)) {
            begin(item);
          }
        } else if (running.length > 0) {
          begun += 1;
          end(step % running.length);
        }
      }
      while (running.length > 0) {
        begun += 1;
        end(0);
      }
      expect(begun).toBe(added);
    }),
  );
});
