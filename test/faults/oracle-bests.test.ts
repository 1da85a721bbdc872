import { expect, test } from 'vitest';
import { bestsAreKept } from './oracle/bests.js';
import type { Evidence } from './oracle/evidence.js';
import { History } from './oracle/history.js';
import type { JobRecord } from './oracle/job-record.js';

/** What is wrong where these were applied, and the cell then holds this. */
function complaints(keep: 'highest' | 'lowest', values: readonly number[], held: string): string[] {
  const jobs = values.map((value, index): JobRecord => {
    const id = `01900000-0000-7000-8000-00000000000${index}`;
    const place = { id, name: id, prefix: 'tally-queues', queue: 'transactions', form: 2, digest: 'AbCd1234' };
    const best = { operation: 'scores.best', params: { key: 'best', keep, value } };
    const played = { operation: 'counter.increment', params: { key: 'played', by: 1 } };
    const updates = [{ params: { updates: [played, best] } }];
    return { ...place, operation: 'transaction', updates, isFinished: true, returnvalue: 'tally/2 AbCd1234 1|9,1' };
  });
  const evidence = { cells: new Map([['"best"', held]]), jobs } as unknown as Evidence;
  return [...bestsAreKept(evidence, new History(evidence))];
}

test('the best of all that were applied is kept', () => {
  expect(complaints('highest', [3, 9, 4], '9')).toEqual([]);
  expect(complaints('lowest', [3, 9, 4], '3')).toEqual([]);
});

test('it shows when a better one was lost', () => {
  expect(complaints('highest', [3, 9, 4], '4')).toEqual(['"best" holds 4, but the best that was applied to it is 9']);
  expect(complaints('lowest', [3, 9, 4], '9')).toEqual(['"best" holds 9, but the best that was applied to it is 3']);
});
