import { expect, test } from 'vitest';
import { lateClass } from '../../src/lib/late-class.js';

class Counter {
  static readonly unit = 'pieces';
  readonly #start: number;

  constructor(start: number) {
    this.#start = start;
  }

  next(): number {
    return this.#start + 1;
  }
}

test('a class that extends one which is not there yet is that one, from its first object on', () => {
  const loads: string[] = [];
  const Late = lateClass(() => {
    loads.push('loaded');
    return Counter;
  });
  class Twice extends Late {
    readonly own = 'own';

    override next(): number {
      return super.next() * 2;
    }
  }
  expect(loads).toEqual([]);

  const [first, second] = [new Twice(1), new Twice(2)];

  expect([first.next(), second.next(), first.own]).toEqual([4, 6, 'own']);
  expect(first).toBeInstanceOf(Twice);
  expect(first).toBeInstanceOf(Counter);
  expect(Twice.unit).toBe('pieces');
});
