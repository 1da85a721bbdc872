import { readFileSync } from 'node:fs';
import { test } from 'vitest';
import { mutate, MUTATIONS } from './mutation-list.js';

// The run that shows each of them to be found takes minutes: this only keeps them from going stale.
test.each(MUTATIONS)('the mutation fits the code: $name', ({ edits }) => {
  for (const edit of edits) {
    mutate(readFileSync(new URL(`../../${edit.file}`, import.meta.url), 'utf8'), edit);
  }
});
