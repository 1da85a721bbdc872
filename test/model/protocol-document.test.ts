import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MUTATIONS, RULES_OF_0_1 } from './cases.js';
import { exploreWith, MAX_STATES } from './exploring.js';
import { SCENARIOS } from './scenarios.js';

const DOCUMENT = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

/** Sequences in the document: the rule that is broken, what then comes of it, and the steps. */
const SEQUENCES = [...DOCUMENT.matchAll(/```text\n(.+) -> (.+)\n([^`]+)```/g)].map(([, name, breaks, steps]) => {
  return { name: name ?? '', breaks, steps: steps?.trimEnd().split('\n') };
});

test('the document shows counterexamples', () => {
  expect(SEQUENCES.length).toBeGreaterThanOrEqual(8);
});

test.each(SEQUENCES)('the document shows what the explorer finds: $name', ({ name, breaks, steps }) => {
  const broken = [...RULES_OF_0_1, ...MUTATIONS].find((it) => it.name === name);
  const { counterexample } = exploreWith(SCENARIOS[broken!.scenario], broken!.rules, 100_000);

  expect(counterexample).toEqual({ invariant: breaks, steps });
});

test('the document counts settings and broken rules as they are', () => {
  const text = DOCUMENT.replace(/\s+/g, ' ');
  const states = MAX_STATES.toLocaleString('en');

  expect(text).toContain(`in ${Object.keys(SCENARIOS).length} settings, each to its end or to ${states} states`);
  expect(text).toContain(`${RULES_OF_0_1.length} rules of 0.1 and ${MUTATIONS.length} other ways`);
});
