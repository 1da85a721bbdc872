import { readFileSync } from 'node:fs';
import { test } from 'vitest';
import { NO_IDEMPOTENCY, NO_JOB_RECEIPTS } from '../load/mutated-copy.js';
import { mutate, MUTATIONS } from './mutation-list.js';

// The run that shows each of them to be found takes minutes: this only keeps them from going stale.
const OF_LOADS = [{ name: 'without receipts, for tests of tally load', edits: [...NO_IDEMPOTENCY, NO_JOB_RECEIPTS] }];

test.each([...MUTATIONS, ...OF_LOADS])('the mutation fits the code: $name', ({ edits }) => {
  for (const edit of edits) {
    mutate(readFileSync(new URL(`../../${edit.file}`, import.meta.url), 'utf8'), edit);
  }
});
