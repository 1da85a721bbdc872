import type { Operation } from '../src/operations/operation.js';
import { createRegistry } from '../src/operations/registry.js';
import type { Config } from './config.js';
import { ConfigurationError } from '../src/errors.js';

/** Entries of each cell on the private Redis, where Tally is tried out: `/ops/keys` has something to show. */
const ENTRIES_ON_PRIVATE_REDIS = 100;

/**
 * The operations that a worker and the dashboard are given: those of which changes are kept, and the user's own.
 *
 * @param own their definition says what is kept of them where the setting does not
 * @throws ConfigurationError when `TALLY_HISTORY` names an operation that there is not
 */
export function operationsWithHistory(
  { TALLY_HISTORY, REDIS_URL }: Config,
  own: readonly Operation[] = [],
): Operation[] {
  const { operations } = createRegistry(own);
  const keeping = operations.filter((operation) => operation.withHistory !== undefined);
  const names = keeping.map(({ name }) => name);
  const unknown =
    TALLY_HISTORY instanceof Map ? [...TALLY_HISTORY.keys()].find((name) => !names.includes(name)) : undefined;
  if (unknown !== undefined) {
    throw new ConfigurationError(`TALLY_HISTORY: "${unknown}" is not one of ${names.join(', ')}`);
  }
  return keeping.flatMap((operation) => {
    const isOwn = own.includes(operation);
    const usual = operation.history === false && REDIS_URL === undefined ? ENTRIES_ON_PRIVATE_REDIS : operation.history;
    const kept = TALLY_HISTORY instanceof Map ? TALLY_HISTORY.get(operation.name) : TALLY_HISTORY;
    const entries = kept ?? (TALLY_HISTORY instanceof Map ? operation.history : usual);
    const same = entries === operation.history || (entries === 0 && operation.history === false);
    return same ? (isOwn ? operation : []) : (operation.withHistory?.(entries === 0 ? false : entries) ?? []);
  });
}
