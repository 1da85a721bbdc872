import { readConfig } from '../../cli/config.js';

/** How long after the end of `TALLY_CLOSE_TIMEOUT_MS` a process ends at the latest, see `onStop` in `cli/worker.ts`. */
const CUT_SHORT_AFTER_SECONDS = 15;

/**
 * How long a process with these variables takes to stop at the most.
 *
 * @throws ConfigurationError when Tally would not start with them
 */
export function longestStopSeconds(environment: Readonly<Record<string, string>>): number {
  return readConfig(environment).TALLY_CLOSE_TIMEOUT_MS / 1000 + CUT_SHORT_AFTER_SECONDS;
}
