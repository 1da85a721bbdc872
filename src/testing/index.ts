export { startTally } from './start-tally.js';
export type { TestTally, TestTallyOptions } from './start-tally.js';
export type { TestClock } from './test-clock.js';
export { outcomeMatchers } from './matchers.js';
export type { OutcomeMatchers } from './matchers.js';
