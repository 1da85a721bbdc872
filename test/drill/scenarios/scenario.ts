import type { SetUp } from '../set-up.js';

/** One way in which a running Tally breaks, and what the runbook says to do about it. */
export interface Scenario {
  readonly name: string;
  /** The alert that has to fire. */
  readonly alert: string;
  /** What the overview has to say, in its verdict. */
  readonly says: RegExp;
  readonly strike: (setUp: SetUp) => Promise<void>;
  /** While it is broken: what else has to be so. */
  readonly check?: (setUp: SetUp) => Promise<void>;
  /** What the runbook says, by its commands. @returns what was done, for the table */
  readonly mend: (setUp: SetUp) => Promise<string>;
}
