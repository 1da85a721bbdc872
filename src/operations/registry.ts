import { nearest } from '../nearest.js';
import { counterDecrement, counterIncrement } from './counter.js';
import { inventoryRestock, inventoryTake, inventoryTakeAll } from './inventory.js';
import type { Operation } from './operation.js';
import { scoresAdd } from './scores.js';
import type { TransactionInput, TransactionParams, TransactionResult } from './transaction.js';
import { TRANSACTION, transactionOf } from './transaction.js';
import { xpAward } from './xp.js';

const builtIn = [
  counterIncrement,
  counterDecrement,
  inventoryTake,
  inventoryRestock,
  inventoryTakeAll,
  xpAward,
  scoresAdd,
] as const;

/** The built-in operations, for the types of the library's shortcuts. */
export type BuiltInOperation =
  (typeof builtIn)[number] | Operation<typeof TRANSACTION, TransactionParams, TransactionResult, TransactionInput>;

/** The operations that a process knows: the built-in ones and the user's own. */
export interface Registry {
  readonly operations: readonly Operation[];
  find(name: string): Operation | undefined;
  isBuiltIn(operation: Operation): boolean;
  /** The queues of all operations, each once. */
  readonly queues: readonly string[];
  /** The known name nearest to a mistyped one. */
  suggest(name: string): string | undefined;
}

/** @throws TypeError when two operations have one name */
export function createRegistry(custom: readonly Operation[] = []): Registry {
  const byName = new Map<string, Operation>();
  const single: readonly Operation[] = [...builtIn, ...custom];
  const operations = [...single, transactionOf((name) => (name === TRANSACTION ? undefined : byName.get(name)))];
  for (const operation of operations) {
    if (byName.has(operation.name)) {
      throw new TypeError(`operation "${operation.name}" is defined twice; choose another name for yours`);
    }
    byName.set(operation.name, operation);
  }
  return {
    operations: [...byName.values()],
    find: (name) => byName.get(name),
    isBuiltIn: (operation) => (builtIn as readonly Operation[]).includes(operation),
    queues: [...new Set(operations.map((operation) => operation.queue))],
    suggest: (name) => nearest(name, [...byName.keys()]),
  };
}
