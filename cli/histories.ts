import type { Operation } from '../src/operations/operation.js';
import { createRegistry } from '../src/operations/registry.js';
import type { Config } from './config.js';
import { ConfigurationError } from '../src/errors.js';

/** Entries of each cell on the private Redis, where Tally is tried out: `/ops/keys` has something to show. */
const ENTRIES_ON_PRIVATE_REDIS = 100;

/**
 * The built-in operations of which the worker keeps changes, and the dashboard shows them.
 *
 * @throws ConfigurationError when `TALLY_HISTORY` names an operation that there is not
 */
export function operationsWithHistory({ TALLY_HISTORY, REDIS_URL }: Config): Operation[] {
  const entries = TALLY_HISTORY ?? (REDIS_URL === undefined ? ENTRIES_ON_PRIVATE_REDIS : 0);
  const { operations } = createRegistry();
  const keeping = operations.filter((operation) => operation.withHistory !== undefined);
  const names = keeping.map(({ name }) => name);
  const unknown = typeof entries === 'number' ? undefined : [...entries.keys()].find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new ConfigurationError(`TALLY_HISTORY: "${unknown}" is not one of ${names.join(', ')}`);
  }
  return keeping.flatMap((operation) => {
    const kept = typeof entries === 'number' ? entries : (entries.get(operation.name) ?? 0);
    return kept === 0 ? [] : (operation.withHistory?.(kept) ?? []);
  });
}
