import { expect, test } from 'vitest';
import { explore } from './explorer.js';
import type { Exploration } from './explorer.js';
import { PROTOCOL } from './rules.js';
import type { Rules } from './rules.js';
import { SCENARIOS } from './scenarios.js';
import type { ScenarioName } from './scenarios.js';
import type { Scenario } from './scenario.js';

/** Most settings are explored whole with fewer; the others to the depth that half a second allows. */
export const MAX_STATES = 20_000;

export function exploreWith(scenario: Scenario, rules: Partial<Rules> = {}, maxStates = MAX_STATES): Exploration {
  return explore({ rules: { ...PROTOCOL, ...rules }, scenario }, { maxStates });
}

/** Tests that the protocol holds in each of the settings, to the depth that its states allow. */
export function testProtocolIn(scenarios: readonly ScenarioName[]): void {
  test.each(scenarios)('the protocol holds: %s', (name) => {
    const { counterexample, isComplete, states } = exploreWith(SCENARIOS[name]);

    expect(counterexample).toBeUndefined();
    expect(isComplete || states >= MAX_STATES).toBe(true);
  });
}
