import { expect, test } from 'vitest';
import { exploreWith, testProtocolIn } from './exploring.js';
import { KEY_SCENARIOS, UNNOTED_STEPS } from './scenarios.js';
import type { ScenarioName } from './scenarios.js';

testProtocolIn(Object.keys(KEY_SCENARIOS) as ScenarioName[]);

// Redis itself forgets what has expired by its clock, so no rule of Tally can promise more.
test('a clock that steps ahead past all receipts, and back before anyone has noted it, is not covered', () => {
  expect(exploreWith(UNNOTED_STEPS, {}, 100_000).counterexample?.invariant).toBe('a key is applied twice');
});
