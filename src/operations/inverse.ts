import type { Inverse, Operation, Step } from './operation.js';
import { MAX_IN_TRANSACTION, TRANSACTION } from './transaction.js';
import type { TransactionParams, TransactionResult } from './transaction.js';

/** Why there is no inverse, in words that go on from "the update can't be reverted: ". */
export interface NoInverse {
  readonly why: string;
}

/**
 * The updates that take an applied update back, to be applied together in this order: for a transaction those of its updates,
 * the last one first.
 *
 * @param find looks up the operations of a transaction
 */
export function inverseOf(
  operation: Operation,
  params: unknown,
  result: unknown,
  find: (name: string) => Operation | undefined,
): readonly Inverse[] | NoInverse {
  const inverses = inversesOf(operation, params, result, find);
  if ('why' in inverses) {
    return inverses;
  }
  if (inverses.length > MAX_IN_TRANSACTION) {
    return { why: `it takes ${inverses.length} updates, and a transaction holds ${MAX_IN_TRANSACTION}` };
  }
  return inverses.length === 0 ? { why: 'it changed nothing' } : inverses;
}

function inversesOf(
  operation: Operation,
  params: unknown,
  result: unknown,
  find: (name: string) => Operation | undefined,
): readonly Inverse[] | NoInverse {
  if (operation.name === TRANSACTION) {
    return inversesOfAll((params as TransactionParams).updates, result as TransactionResult, find);
  }
  if (operation.revert === undefined) {
    return { why: `${operation.name} has no inverse: send an update that makes it right` };
  }
  if (operation.steps(params).some((step) => livesByItself(step, params))) {
    return { why: 'its cell has a life (ttlSeconds), and may be another one of the same name by now' };
  }
  return [operation.revert(params, result) ?? []].flat();
}

function inversesOfAll(
  updates: TransactionParams['updates'],
  { results }: TransactionResult,
  find: (name: string) => Operation | undefined,
): readonly Inverse[] | NoInverse {
  const all: Inverse[] = [];
  for (const [index, { operation: name, params }] of [...updates.entries()].reverse()) {
    const operation = find(name);
    const inverses =
      operation === undefined
        ? { why: `${name} is not known here` }
        : inversesOf(operation, params, results[index], find);
    if ('why' in inverses) {
      return { why: `update ${index} of the transaction: ${inverses.why}` };
    }
    all.push(...inverses);
  }
  return all;
}

/** A bucket of the same name is the same bucket, if it lives until an end that its name tells. */
function livesByItself({ ttlSeconds, ofBucket }: Step, params: unknown): boolean {
  const { ttlSeconds: ownLife } = params as { ttlSeconds?: unknown };
  return ttlSeconds !== undefined && (ofBucket !== true || ownLife !== undefined);
}
