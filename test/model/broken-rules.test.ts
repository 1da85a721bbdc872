import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Case } from './cases.js';
import { MUTATIONS, RULES_OF_0_1 } from './cases.js';
import type { Exploration } from './explorer.js';
import { exploreWith, MAX_STATES } from './exploring.js';
import { SCENARIOS } from './scenarios.js';

const DOCUMENT = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

/** Sequences in the document: the rule that is broken, what then comes of it, and the steps. */
const SEQUENCES = [...DOCUMENT.matchAll(/```text\n(.+) -> (.+)\n([^`]+)```/g)].map(([, name, breaks, steps]) => {
  return { name: name ?? '', breaks, steps: steps?.trimEnd().split('\n') };
});

/** Several tests look at the same exploration. */
const explorations = new Map<string, Exploration>();

function explored({ rules, scenario }: Case): Exploration {
  const id = JSON.stringify([rules, scenario]);
  const known = explorations.get(id) ?? exploreWith(SCENARIOS[scenario], rules, 100_000);
  explorations.set(id, known);
  return known;
}

test.each(RULES_OF_0_1)('the explorer finds what 0.1 did wrong: $name', (broken) => {
  expect(explored(broken).counterexample?.invariant).toBe(broken.breaks);
});

test.each(MUTATIONS)('the explorer sees it when $name', (broken) => {
  expect(explored(broken).counterexample?.invariant).toBe(broken.breaks);
});

test('the document shows counterexamples', () => {
  expect(SEQUENCES.length).toBeGreaterThanOrEqual(8);
});

test.each(SEQUENCES)('the document shows what the explorer finds: $name', ({ name, breaks, steps }) => {
  const broken = [...RULES_OF_0_1, ...MUTATIONS].find((it) => it.name === name);

  expect(explored(broken!).counterexample).toEqual({ invariant: breaks, steps });
});

test('the document counts settings and broken rules as they are', () => {
  const text = DOCUMENT.replace(/\s+/g, ' ');
  const states = MAX_STATES.toLocaleString('en');

  expect(text).toContain(`in ${Object.keys(SCENARIOS).length} settings, each to its end or to ${states} states`);
  expect(text).toContain(`${RULES_OF_0_1.length} rules of 0.1 and ${MUTATIONS.length} other ways`);
});
