import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { slotOf, SLOTS, tagOf } from '../../src/redis/slots.js';

describe('the slot of a key', () => {
  // As CLUSTER KEYSLOT answers; test/cluster/keyslot.test.ts asks a Cluster for many more.
  test.each([
    ['foo', 12_182],
    ['123456789', 12_739],
    ['', 0],
    ['{user1000}.following', 3_443],
    ['{user1000}.followers', 3_443],
    ['foo{}{bar}', 8_363],
    ['foo{{bar}}zap', 4_015],
    ['foo{bar}{zap}', 5_061],
  ])('of %j is %i', (key, slot) => {
    expect(slotOf(key)).toBe(slot);
  });

  test('is that of the bytes of UTF-8, also where only a part outside the tag is not ASCII', () => {
    expect(slotOf('ключ{foo}')).toBe(slotOf('foo'));
    expect(slotOf('x{ключ}')).toBe(slotOf('ключ'));
  });
});

describe('the tag of a slot', () => {
  const tags = Array.from({ length: SLOTS }, (_, slot) => tagOf(slot));

  test('leads to that slot, for each of the 16,384', () => {
    for (const [slot, tag] of tags.entries()) {
      expect(slotOf(`tally:{${tag}}:job:x{y}`)).toBe(slot);
    }
  });

  test('never changes, since receipts that are stored hold it', () => {
    const table = createHash('sha256').update(tags.join(' ')).digest('hex');
    expect(table).toBe('49750e8f9c9353d93c0d0b657212618acf8ab8a0dd0d5927cd4787b22f3e2704');
  });

  test.each([-1, SLOTS, 0.5])('is not given for %d, which is no slot', (slot) => {
    expect(() => tagOf(slot)).toThrow(/there is no slot/);
  });
});
