import { expect, test } from 'vitest';
import { MUTATIONS, RULES_OF_0_1 } from './cases.js';
import { exploreWith } from './exploring.js';
import { SCENARIOS } from './scenarios.js';

// More states than the protocol itself is given: what is looked for here is known to be there.
const MAX_STATES = 100_000;

test.each(RULES_OF_0_1)('the explorer finds what 0.1 did wrong: $name', ({ rules, scenario, breaks }) => {
  expect(exploreWith(SCENARIOS[scenario], rules, MAX_STATES).counterexample?.invariant).toBe(breaks);
});

test.each(MUTATIONS)('the explorer sees it when $name', ({ rules, scenario, breaks }) => {
  expect(exploreWith(SCENARIOS[scenario], rules, MAX_STATES).counterexample?.invariant).toBe(breaks);
});
