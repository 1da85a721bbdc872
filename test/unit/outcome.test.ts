import { describe, expect, test } from 'vitest';
import { decodeOutcome, isUndone, joinOutcomes, splitOutcomes } from '../../src/operations/outcome.js';
import type { Outcome } from '../../src/operations/outcome.js';
import { createRegistry } from '../../src/operations/registry.js';
import { checkUpdates } from '../../src/operations/update.js';
import { NO_SLOT } from '../../src/redis/slots.js';

const registry = createRegistry();

function decode(text: string, operation: string, params: unknown): Outcome {
  const [checked] = checkUpdates([{ operation, params }], {
    registry,
    isReservedKey: () => false,
    slotOf: () => NO_SLOT,
  });
  return decodeOutcome(text, checked!.operation, checked!.params);
}

const increment = (key: string) => ({ operation: 'counter.increment', params: { key } });
const take = { operation: 'inventory.take', params: { key: 'stock', quantity: 5, whenShort: 'reject' } };
const transaction = { updates: [increment('a'), take] };

describe('an outcome in the form of the script', () => {
  test.each([
    ['5', 'counter.increment', { key: 'a' }, { value: 5, applied: 1 }],
    ['-9007199254740991', 'counter.decrement', { key: 'a' }, { value: -9007199254740991, applied: 1 }],
    ['0,3', 'inventory.take', { key: 'a', quantity: 5 }, { available: 0, taken: 3 }],
    ['120', 'xp.award', { key: 'a', amount: 30, levels: [50, 100] }, { xp: 120, level: 2, leveledUp: true }],
    [
      '7|1,4',
      'transaction',
      transaction,
      {
        results: [
          { value: 7, applied: 1 },
          { available: 1, taken: 4 },
        ],
      },
    ],
  ])('%j of %s is applied, with its result', (text, operation, params, result) => {
    expect(decode(text, operation, params)).toEqual({ status: 'applied', result });
  });

  test('that rejects has its code, words with the numbers, and what is short', () => {
    expect(decode('!INSUFFICIENT_STOCK,3', take.operation, take.params)).toEqual({
      status: 'rejected',
      reason: 'INSUFFICIENT_STOCK',
      message: '"stock" has 3 in stock, 5 wanted',
      short: [{ key: 'stock', quantity: 5, available: 3 }],
    });
  });

  test('that rejects a transaction names the update, counted from 0', () => {
    expect(decode('!2:INSUFFICIENT_STOCK,3', 'transaction', transaction)).toEqual({
      status: 'rejected',
      reason: 'INSUFFICIENT_STOCK',
      update: 1,
      message: 'update 1 (inventory.take): "stock" has 3 in stock, 5 wanted',
      short: [{ key: 'stock', quantity: 5, available: 3 }],
    });
  });

  test.each(['WRONG_TYPE', 'NOT_AN_INTEGER', 'OUT_OF_RANGE'])('that fails with %s names the cell', (reason) => {
    const params = {
      entries: [
        { key: 'a', by: 1 },
        { key: 'b', field: 'f', by: 1 },
        { key: 'c', member: 'm', by: 1 },
      ],
    };

    const messages = [1, 2, 3].map((cell) => decode(`?${reason},${cell}`, 'scores.add', params));

    expect(messages).toMatchObject([
      { status: 'failed', reason, message: expect.stringMatching(/^"a" (holds|would)/) as string },
      { status: 'failed', reason, message: expect.stringMatching(/^"b" field "f" (holds|would)/) as string },
      { status: 'failed', reason, message: expect.stringMatching(/^"c" member "m" (holds|would)/) as string },
    ]);
  });

  test('that fails a transaction names the update and its cell', () => {
    expect(decode('?1:WRONG_TYPE,1', 'transaction', transaction)).toMatchObject({
      status: 'failed',
      reason: 'WRONG_TYPE',
      update: 0,
      message: expect.stringContaining('update 0 (counter.increment): "a" holds') as string,
    });
  });

  test('of a plan that threw keeps what it said', () => {
    expect(decode('?PLAN_ERROR,user_script:12: boom', 'counter.increment', { key: 'a' })).toMatchObject({
      status: 'failed',
      reason: 'PLAN_ERROR',
      message: 'the Lua plan of counter.increment failed: user_script:12: boom',
    });
  });

  test('that was recorded earlier is a duplicate', () => {
    expect(decode('=5', 'counter.increment', { key: 'a' })).toEqual({
      status: 'applied',
      result: { value: 5, applied: 1 },
      duplicate: true,
    });
    expect(decode('=!LIMIT_REACHED,5', 'counter.increment', { key: 'a', max: 5 })).toMatchObject({
      status: 'rejected',
      reason: 'LIMIT_REACHED',
      duplicate: true,
    });
  });

  test('of a reused idempotency key is a conflict', () => {
    expect(decode('~', 'counter.increment', { key: 'a' })).toMatchObject({
      status: 'conflict',
      reason: 'IDEMPOTENCY_CONFLICT',
    });
  });

  test('that is too old is unknown, not failed', () => {
    expect(decode('*TOO_OLD', 'counter.increment', { key: 'a' })).toMatchObject({
      status: 'unknown',
      reason: 'TOO_OLD',
      message: expect.stringContaining('may have been applied') as string,
    });
  });

  test.each(['UNSTAMPED', 'UNREADABLE_RECEIPT'])('that fails with %s names no cell', (reason) => {
    expect(decode(`?${reason}`, 'transaction', transaction)).toEqual({
      status: 'failed',
      reason,
      message: expect.stringMatching(/ .* /) as string,
    });
  });

  test('that a worker refused keeps the words of the worker', () => {
    expect(decode('?INVALID_PARAMS,params.by: must be 1, 2 or 3', 'counter.increment', { key: 'a' })).toEqual({
      status: 'failed',
      reason: 'INVALID_PARAMS',
      message: 'params.by: must be 1, 2 or 3',
    });
  });

  test('of a key that the Redis user of the worker may not write names it', () => {
    expect(decode('?2:NOPERM,1', 'transaction', transaction)).toMatchObject({
      status: 'failed',
      reason: 'NOPERM',
      update: 1,
      message: expect.stringContaining('may not write "stock"') as string,
    });
  });

  test('that names an update which the transaction does not have is an error, not an outcome', () => {
    expect(() => decode('!9:LIMIT_REACHED,5', 'transaction', transaction)).toThrow(RangeError);
  });
});

test('the outcomes of a job are split where the script joined them', () => {
  const [text, outcomes] = ['5;!A,1;?B;=6;~;;1|2', ['5', '!A,1', '?B', '=6', '~', '', '1|2']];

  expect(splitOutcomes(text)).toEqual(outcomes);
  expect(joinOutcomes(outcomes)).toBe(text);
});

test('only an outcome that starts with ? or * is put back', () => {
  expect(['?WRONG_TYPE,1', '?2:WRONG_TYPE,1', '*TOO_OLD'].every(isUndone)).toBe(true);
  expect(['5', '', '!A', '=5', '~', '=!A'].some(isUndone)).toBe(false);
});
