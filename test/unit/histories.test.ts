import { expect, test } from 'vitest';
import { operationsWithHistory } from '../../cli/histories.js';
import { readConfig } from '../../cli/config.js';

const REDIS_URL = 'redis://127.0.0.1:6379';

function histories(environment: Record<string, string>): Record<string, unknown> {
  const operations = operationsWithHistory(readConfig(environment));
  return Object.fromEntries(operations.map(({ name, history }) => [name, history]));
}

test('changes are kept on the private Redis, and on another only when asked for', () => {
  expect(histories({})).toMatchObject({ 'counter.increment': 100, 'scores.add': 100 });
  expect(histories({ REDIS_URL })).toEqual({});
  expect(histories({ TALLY_HISTORY: '0' })).toEqual({});
  expect(histories({ REDIS_URL, TALLY_HISTORY: 'xp.award=20,inventory.take=0' })).toEqual({ 'xp.award': 20 });
});

test('an operation that there is not is refused with those that there are', () => {
  expect(() => histories({ TALLY_HISTORY: 'xp.reward=20' })).toThrow(
    /TALLY_HISTORY: "xp.reward" is not one of counter.increment, .*xp.award/,
  );
});
