import { z } from 'zod';
import { parseWithFastPath, fastPathOf } from '../lib/schema-fast-path.js';
import { anyResult, listOf } from './cell-schema.js';
import type { Placement, SentAt } from './bucket-params.js';
import { operationName } from './operation.js';
import type { Operation, Step } from './operation.js';

export const TRANSACTION = 'transaction';

/** Their queue. */
export const TRANSACTIONS = 'transactions';

/** Updates that one may hold. */
export const MAX_IN_TRANSACTION = 20;

export interface TransactionParams {
  updates: { operation: string; params: unknown }[];
}

export interface TransactionInput {
  updates: { operation: string; params?: unknown }[];
}

export interface TransactionResult {
  /** The result of each update, in order. */
  results: unknown[];
}

/** The updates of a transaction, or a single one by itself; also of what was not checked. */
export function singlesOf<One extends { operation: unknown; params?: unknown }>(update: One): readonly One[] {
  const { operation, params } = update;
  const { updates } = (params ?? {}) as { updates?: unknown };
  return operation === TRANSACTION && Array.isArray(updates) ? (updates as One[]) : [update];
}

/**
 * Several updates, all or nothing in one script call, in order, each seeing the ones before. Any rejection or
 * failure refuses the whole and names the update.
 *
 * @param find looks up the operations that a transaction may contain
 */
export function transactionOf(
  find: (name: string) => Operation | undefined,
): Operation<typeof TRANSACTION, TransactionParams, TransactionResult, TransactionInput> {
  const stepsOf = ({ updates }: TransactionParams): Step[][] =>
    updates.map(({ operation, params }) => [...(find(operation)?.steps(params) ?? [])]);
  const params = z.strictObject({ updates: listOf(innerUpdate(find), 'updates', { min: 2, max: MAX_IN_TRANSACTION }) });
  return {
    name: TRANSACTION,
    codes: [],
    queue: TRANSACTIONS,
    description: 'Several updates, all or nothing, in order.',
    history: false,
    params,
    accept: fastPathOf(params),
    steps: (params) => stepsOf(params).flat(),
    place: ({ updates }, sentAt) => placeAll(updates, sentAt, find),
    withoutDefaults: ({ updates }) => ({
      updates: updates.map(({ operation, params }) => ({
        operation,
        params: find(operation)?.withoutDefaults(params) ?? params,
      })),
    }),
    resultSchema: z.object({ results: z.array(anyResult) }),
    result: (numbers, { updates }) => ({
      results: updates.map(({ operation, params }, index) => find(operation)?.result([numbers[index] ?? []], params)),
    }),
  };
}

/** Each in its own bucket. */
function placeAll(
  updates: TransactionParams['updates'],
  sentAt: SentAt | undefined,
  find: (name: string) => Operation | undefined,
): Placement<TransactionParams> | undefined {
  let byNow: boolean | undefined;
  const placed = [...updates];
  for (const [index, { operation, params }] of updates.entries()) {
    const placement = find(operation)?.place?.(params, sentAt);
    if (placement === undefined) {
      continue;
    }
    if ('fault' in placement) {
      const { path, message } = placement.fault;
      return { fault: { path: `updates[${index}].params.${path}`, message } };
    }
    byNow = byNow === true || placement.byNow;
    placed[index] = { operation, params: placement.params };
  }
  return byNow === undefined ? undefined : { params: { updates: placed }, byNow };
}

function innerUpdate(find: (name: string) => Operation | undefined) {
  return z
    .strictObject(
      {
        operation: operationName,
        params: z.unknown().optional(),
      },
      {
        error: (issue) => (issue.code === 'invalid_type' ? 'an update is an object { operation, params }' : undefined),
      },
    )
    .transform(({ operation: name, params }, context) => {
      const operation = find(name);
      if (operation === undefined) {
        context.addIssue({
          code: 'custom',
          path: ['operation'],
          message: `unknown operation "${name}" in a transaction`,
        });
        return z.NEVER;
      }
      const parsed = parseWithFastPath(operation.params, operation.accept, params);
      for (const issue of parsed.error?.issues ?? []) {
        context.addIssue({ ...issue, path: ['params', ...issue.path] });
      }
      return parsed.success ? { operation: name, params: parsed.data } : z.NEVER;
    });
}
