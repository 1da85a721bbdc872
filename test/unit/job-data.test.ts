import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ValidationError } from '../../src/errors.js';
import { FORM } from '../../src/jobs/form.js';
import { digestOfJob, formOfJob, nameOfJob, parseJobData, toJobData } from '../../src/jobs/job-data.js';
import { SplitReceipts } from '../../src/layout/split-receipts.js';
import { WholeReceipts } from '../../src/layout/whole-receipts.js';
import { createRegistry } from '../../src/operations/registry.js';
import { NO_SLOT } from '../../src/redis/slots.js';

const context = { registry: createRegistry(), isReservedKey: () => false, slotOf: () => NO_SLOT };
const [whole, split] = [new WholeReceipts(), new SplitReceipts()];
const stamp = { sentAtMs: 1_700_000_000_000, windowMs: 86_400_000 };
const unkeyed = { idempotencyKey: undefined, idempotencyOwner: '', slot: undefined };

const held = (key: string, more: object = {}) => ({ ...unkeyed, params: { key, by: 1 }, ...more });

describe('the data of a job', () => {
  test('say their form and when they were sent, and nothing that is not needed', () => {
    expect(JSON.stringify(toJobData([held('a'), held('b')], stamp, whole))).toBe(
      `{"v":${FORM},"sentAtMs":1700000000000,"updates":[{"key":"a","by":1},{"key":"b","by":1}]}`,
    );
  });

  test('hold keys by the place of their update, with their owner if he has a name, and then the window', () => {
    const updates = [
      held('a'),
      held('b', { idempotencyKey: 'k' }),
      held('c', { idempotencyKey: 'k', idempotencyOwner: 'shop' }),
    ];

    expect(JSON.stringify(toJobData(updates, stamp, whole))).toBe(
      `{"v":${FORM},"sentAtMs":1700000000000,"windowMs":86400000,` +
        '"idempotencyKeys":{"1":"k","2":["shop","k"]},' +
        '"updates":[{"key":"a","by":1},{"key":"b","by":1},{"key":"c","by":1}]}',
    );
  });

  test('hold slots in a Cluster only: one number, or a list when they differ', () => {
    const [a, b] = [held('a', { slot: 7 }), held('b', { slot: 9 })];

    expect(toJobData([a, a], stamp, split)).toHaveProperty('slots', 7);
    expect(toJobData([a, b], stamp, split)).toHaveProperty('slots', [7, 9]);
    expect(toJobData([a, b], stamp, whole)).not.toHaveProperty('slots');
  });

  test('of updates put back from a job that somebody else added say a form, so that their receipt goes by the id alone', () => {
    const { form, updates } = parseJobData('counter.increment', { updates: [{ key: 'a' }] }, context);

    expect(form).toBeUndefined();
    expect(JSON.stringify(toJobData(updates, {}, whole, form))).toBe(`{"v":${FORM},"updates":[{"key":"a","by":1}]}`);
    expect(JSON.stringify(toJobData(updates, { sentAtMs: 5 }, whole, form))).toMatch(/^\{"v":2,"sentAtMs":5,"updates"/);
  });

  test('are read as they were written, with keys, owners and slots', () => {
    const updates = [
      held('{s}a', { slot: 7 }),
      held('{s}b', { idempotencyKey: 'k', slot: 7 }),
      held('{s}c', { idempotencyKey: 'k', idempotencyOwner: 'shop:eu', slot: 9 }),
    ];
    const data: unknown = JSON.parse(JSON.stringify(toJobData(updates, stamp, split)));

    const parsed = parseJobData('counter.increment', data, context);

    expect(parsed).toMatchObject({ form: FORM, ...stamp });
    expect(
      parsed.updates.map(({ params, idempotencyKey, idempotencyOwner }) => {
        return { params, idempotencyKey, idempotencyOwner };
      }),
    ).toEqual(updates.map(({ slot: _slot, ...rest }) => rest));
    expect(updates.map((_, index) => split.slotOfUpdate(data, index))).toEqual([7, 7, 9]);
    expect(toJobData(parsed.updates, parsed as typeof stamp, whole, parsed.form)).toEqual(
      toJobData(updates, stamp, whole),
    );
  });

  test('keep an update that this process can not read in its place, with the slot that they say', () => {
    const data = { v: FORM, ...stamp, slots: [7, 9], updates: [{ key: 'a', by: 0.5 }, { key: 'b' }] };

    const { updates } = parseJobData('counter.increment', data, context);

    expect(updates).toMatchObject([
      { slot: 7, params: { key: 'a', by: 0.5 }, refusal: expect.stringMatching(/^\?INVALID_PARAMS,/) as string },
      { params: { key: 'b', by: 1 } },
    ]);
    expect(updates[1]).not.toHaveProperty('refusal');
  });

  test.each<[what: string, data: unknown]>([
    ['nothing', undefined],
    ['no updates', { v: FORM, sentAtMs: 1 }],
    ['an empty list', { v: FORM, sentAtMs: 1, updates: [] }],
    ['too many updates', { v: FORM, sentAtMs: 1, updates: Array.from({ length: 1_001 }, () => ({ key: 'a' })) }],
    ['a newer form', { v: FORM + 1, sentAtMs: 1, updates: [{ key: 'a' }] }],
    ['a stamp that is no time', { v: FORM, sentAtMs: 'yesterday', updates: [{ key: 'a' }] }],
    ['an empty key', { v: FORM, sentAtMs: 1, idempotencyKeys: { 0: '' }, updates: [{ key: 'a' }] }],
    ['an owner with control characters', { v: FORM, idempotencyKeys: { 0: ['a\nb', 'k'] }, updates: [{ key: 'a' }] }],
    ['a property that it does not know', { v: FORM, sentAtMs: 1, updates: [{ key: 'a' }], extra: 1 }],
  ])('that hold %s are refused as a whole', (_what, data) => {
    expect(() => parseJobData('counter.increment', data, context)).toThrow(ValidationError);
  });
});

describe('the digest of a job', () => {
  const updates = [held('a', { idempotencyKey: 'k', slot: 7 }), held('b', { slot: 9 })];
  const textOf = (...[given, its, receipts]: Parameters<typeof toJobData>) =>
    JSON.stringify(toJobData(given, its, receipts));

  test('is that of the text behind the stamps, whatever is keyed and in whatever slots', () => {
    for (const [given, receipts] of [
      [updates, split],
      [updates, whole],
      [updates.slice(1), split],
      [updates.slice(1), whole],
    ] as const) {
      const text = textOf(given, stamp, receipts);
      const [rest = ''] = /"(slots|idempotencyKeys|updates)":.*$/s.exec(text) ?? [];
      const expected = createHash('sha256').update(rest).digest('base64url').slice(0, 8);

      expect(digestOfJob(text)).toBe(expected);
    }
  });

  test('stays the same when the stamps are replaced, or the form', () => {
    for (const given of [updates, updates.slice(1)]) {
      const digest = digestOfJob(textOf(given, stamp, split));

      expect(digestOfJob(textOf(given, { sentAtMs: 5, windowMs: 6 }, split))).toBe(digest);
      expect(digestOfJob(JSON.stringify(toJobData(given, stamp, split, 3)))).toBe(digest);
    }
  });

  test.each<[what: string, from: string, to: string]>([
    ['an amount', '"by":1', '"by":2'],
    ['a cell', '"key":"b"', '"key":"c"'],
    ['an idempotency key', '"0":"k"', '"0":"l"'],
    ['the place of an idempotency key', '"0":"k"', '"1":"k"'],
    ['a slot', '[7,9]', '[7,8]'],
    ['a stamp further on', '"key":"b"', '"key":"b","v":2,"sentAtMs":1'],
  ])('is another one when somebody edits %s', (_what, from, to) => {
    const text = textOf(updates, stamp, split);
    expect(text).toContain(from);

    expect(digestOfJob(text.replace(from, to))).not.toBe(digestOfJob(text));
  });
});

describe('the name of a job', () => {
  const place = { prefix: 'p', queue: 'q', jobId: '1' };

  test('tells apart jobs of others whose ids come again, by the time at which they were added', () => {
    expect(nameOfJob(place, { updates: [] }, 5)).toEqual({ ...place, addedAtMs: 5 });
    expect(nameOfJob(place, undefined, 5)).toEqual({ ...place, addedAtMs: 5 });
    expect(nameOfJob(place, { v: 'two' }, 5)).toEqual({ ...place, addedAtMs: 5 });
  });

  test("is its id for Tally's own, whenever it was added", () => {
    expect(nameOfJob(place, { v: FORM }, 5)).toEqual(place);
    expect(formOfJob({ v: FORM })).toBe(FORM);
  });
});
