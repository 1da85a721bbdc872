import { readHistory } from '../../src/readers/read-history.js';
import type { Change } from '../../src/readers/read-history.js';
import type { Cell } from '../../src/redis/cell.js';
import type { History, Operation } from '../../src/operations/operation.js';
import { createRegistry } from '../../src/operations/registry.js';
import type { Update } from '../../src/operations/update.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { pointsMove } from './samples.js';
import { setup } from './setup.js';
import type { Setup } from './setup.js';

/** All operations, and the sample of a custom one, with a history. */
export function allWithHistory(history: History): Operation[] {
  return createRegistry([pointsMove]).operations.flatMap((operation) => operation.withHistory?.(history) ?? []);
}

interface SetupWithHistory extends Setup {
  readonly changesOf: (cell: Cell) => Promise<Change[]>;
  /** The keys of all histories that there are. */
  readonly historyKeys: () => Promise<string[]>;
}

/** A place of the test's own, with an applier whose operations keep a history, unless others are given. */
export function setupWithHistory({
  history = 5,
  operations = allWithHistory(history),
  url,
}: { history?: History; operations?: readonly Operation[]; url?: string } = {}): SetupWithHistory {
  const all = setup(url, operations);
  const { client, keys } = all;
  return {
    ...all,
    changesOf: (cell) => readHistory(client, keys, cell, NO_SLOT),
    historyKeys: async () => (await client.keys(keys.history({ key: '*' }, NO_SLOT).replace('s*', '*'))).sort(),
  };
}

export function increment(cell: Cell, by = 1): Update {
  return { operation: 'counter.increment', params: { ...cell, by } };
}
