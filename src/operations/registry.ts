import { nearest } from '../lib/nearest.js';
import { counterDecrement, counterIncrement, counterRemove, counterSet } from './counter.js';
import { inventoryCount, inventoryRestock, inventoryTake, inventoryTakeAll } from './inventory.js';
import type { History, Operation } from './operation.js';
import {
  inventoryConfirm,
  inventoryExpire,
  inventoryExtend,
  inventoryRelease,
  inventoryReserve,
} from './reservations.js';
import { scoresAdd, scoresBest } from './scores.js';
import type { TransactionInput, TransactionParams, TransactionResult } from './transaction.js';
import { TRANSACTION, transactionOf } from './transaction.js';
import { xpAward, xpTake } from './xp.js';

const builtIn = [
  counterIncrement,
  counterDecrement,
  counterSet,
  counterRemove,
  inventoryTake,
  inventoryRestock,
  inventoryTakeAll,
  inventoryCount,
  inventoryReserve,
  inventoryExtend,
  inventoryConfirm,
  inventoryRelease,
  inventoryExpire,
  xpAward,
  xpTake,
  scoresAdd,
  scoresBest,
] as const;

const builtInOperations = new Set<Operation>(builtIn);
const builtInSchemas = new Set<Operation['params']>(builtIn.map(({ params }) => params));

/** The built-in operations, for the types of the library's shortcuts. */
export type BuiltInOperation =
  (typeof builtIn)[number] | Operation<typeof TRANSACTION, TransactionParams, TransactionResult, TransactionInput>;

/**
 * A built-in operation with a history. Pass it on as one of `operations`, to the workers, which write the history, and to
 * the dashboard, which shows it: `operations: [withHistory('counter.increment', 100)]`.
 *
 * @param history entries kept of each cell, 1 to 1,000, or false for none
 * @throws TypeError when the name is not that of a built-in operation, or the history does not fit
 */
export function withHistory(name: (typeof builtIn)[number]['name'], history: History): Operation {
  const operation: Operation | undefined = builtIn.find((known) => known.name === name);
  if (operation?.withHistory === undefined) {
    const names = builtIn.map((known) => known.name);
    throw new TypeError(
      `withHistory: "${name}" is not one of ${names.join(', ')}; to your own operations give "history"`,
    );
  }
  return operation.withHistory(history);
}

/** The operations that a process knows: the built-in ones and the user's own. */
export interface Registry {
  readonly operations: readonly Operation[];
  find(name: string): Operation | undefined;
  /** Whether it is one of Tally's own, but for the transaction, which is as good as what it holds. */
  isBuiltIn(operation: Operation | string): boolean;
  /** The queues of all operations, each once. */
  readonly queues: readonly string[];
  /** The words for a name that is not known, with the nearest one that is. */
  unknown(name: string): string;
}

/** @throws TypeError when two operations have one name, other than a built-in one {@link withHistory} and itself */
export function createRegistry(custom: readonly Operation[] = []): Registry {
  const byName = new Map<string, Operation>();
  const single: readonly Operation[] = [...builtIn, ...custom];
  const operations = [...single, transactionOf((name) => (name === TRANSACTION ? undefined : byName.get(name)))];
  for (const operation of operations) {
    const known = byName.get(operation.name);
    if (known !== undefined && (known.params !== operation.params || !builtInOperations.has(known))) {
      throw new TypeError(`operation "${operation.name}" is defined twice; choose another name for yours`);
    }
    byName.set(operation.name, operation);
  }
  return {
    operations: [...byName.values()],
    find: (name) => byName.get(name),
    isBuiltIn: (operation) => {
      const known = typeof operation === 'string' ? byName.get(operation) : operation;
      return known !== undefined && builtInSchemas.has(known.params);
    },
    queues: [...new Set(operations.map((operation) => operation.queue))],
    unknown: (name) => {
      const suggestion = nearest(name, [...byName.keys()]);
      return `unknown operation "${name}"${suggestion === undefined ? '' : `; did you mean "${suggestion}"?`}`;
    },
  };
}
