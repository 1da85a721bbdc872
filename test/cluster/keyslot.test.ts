import fc from 'fast-check';
import { expect, test } from 'vitest';
import { slotOf, SLOTS, tagOf } from '../../src/redis/slots.js';
import { clusterOfThisFile } from '../support/cluster-of-this-file.js';
import { place } from '../support/tally.js';

const cluster = clusterOfThisFile();

/** Asks Redis itself for the slots of keys: CLUSTER KEYSLOT. */
function askRedis(): (keys: readonly string[]) => Promise<unknown[]> {
  const { client } = place(cluster.url);
  return (keys) => Promise.all(keys.map((key) => client.cluster('KEYSLOT', key)));
}

const ODD = [
  ...[
    '',
    '{',
    '}',
    '{}',
    '}{',
    '{}{',
    '{}}',
    '{{}',
    '{{}}',
    '{{}}{a}',
    'a{b',
    'a}b',
    'a}b{c',
    '{a}b{c}',
    'a{b}c}d',
    '{a',
  ],
  ...[
    'foo{}{bar}',
    'foo{{bar}}zap',
    'foo{bar}{zap}',
    'foo{bar{zap}}',
    'foo}{bar}',
    '{ }',
    '{\u0000}',
    '\u0000',
    ' {a} ',
  ],
  ...[
    'ключ',
    '{ключ}',
    'ключ{a}',
    '{a}ключ',
    'ключ{}a',
    '漢字{漢}字',
    'é',
    'e\u0301',
    '{é}',
    '👑',
    '{👑}',
    'a{👩‍👩‍👧‍👦}',
    '{}👑',
    '\u{10ffff}',
  ],
];

test.each(ODD)('the slot of %j is the one that Redis says', async (key) => {
  expect([slotOf(key)]).toEqual(await askRedis()([key]));
});

test('the slots of 25,000 keys are those that Redis says', async () => {
  const ask = askRedis();
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('{', '}', '{}', 'a', ':', 'user', '👑', 'ключ') },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString()) },
  );
  const key = fc.oneof(
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.string({ unit: 'binary', maxLength: 120 }),
  );
  const keys = fc.array(key, { minLength: 500, maxLength: 500, size: 'max' });
  await fc.assert(
    fc.asyncProperty(keys, async (some) => {
      expect(some.map(slotOf)).toEqual(await ask(some));
    }),
    { numRuns: 50, endOnFailure: true },
  );
});

test('the tags of all 16,384 slots lead there, as Redis says', async () => {
  const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
  expect(await askRedis()(slots.map((slot) => `tally:{${tagOf(slot)}}:idem:a{b}c`))).toEqual(slots);
});
