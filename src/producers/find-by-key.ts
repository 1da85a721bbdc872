import { z } from 'zod';
import { ValidationError } from '../errors.js';
import { checkOptions } from '../lib/check-options.js';
import { decodeKeyReceipt } from '../jobs/key-receipt.js';
import { FORM } from '../jobs/form.js';
import { cellObject } from '../operations/cell-schema.js';
import { operationName } from '../operations/operation.js';
import { kindOf } from '../operations/outcome.js';
import type { Outcome } from '../operations/outcome.js';
import { heldOwnerSchema, idempotencyKeySchema } from '../operations/idempotency-key.js';
import type { Registry } from '../operations/registry.js';
import type { FoundUpdate } from './find-update.js';
import type { KeyLookUp } from './idempotency.js';

/** An idempotency key whose outcome is asked for. */
export interface KeyQuestion {
  readonly operation: string;
  readonly idempotencyKey: string;
  /** Whose the key is. @defaultValue the producer's `idempotencyOwner` */
  readonly idempotencyOwner?: string;
  /** In a Cluster, where the key is remembered beside its cell: the first key of the update, of a bucket its own. */
  readonly key?: string | undefined;
}

export const keyQuestionSchema = z.strictObject({
  operation: operationName,
  idempotencyKey: idempotencyKeySchema,
  idempotencyOwner: heldOwnerSchema.optional(), // those of reverts may be asked for
  key: cellObject({}).shape.key.optional(),
});

/** What is recorded under an idempotency key. */
export interface RecordedUpdate {
  /** The update that was the first with this key. */
  readonly id: string;
  readonly operation: string;
  readonly status: Outcome['status'];
  /** The same in full; absent when its job is not kept any more, since keys may be remembered for longer. */
  readonly found?: FoundUpdate;
}

interface Search {
  readonly keyLookUp: KeyLookUp;
  readonly find: (id: string) => Promise<FoundUpdate | undefined>;
  readonly registry: Registry;
  /** Whose the key is unless the question says so. */
  readonly idempotencyOwner: string;
}

/**
 * Looks an update up by its idempotency key: known from the moment on at which it is applied or rejected, for as long as keys are
 * remembered.
 *
 * @returns undefined when nothing is recorded under the key
 * @throws ConfigurationError for a question that is not valid
 * @throws ValidationError for an operation that is not known; in a Cluster, without the key of a cell
 */
export async function findByKey(
  { keyLookUp, find, registry, idempotencyOwner }: Search,
  question: KeyQuestion,
): Promise<RecordedUpdate | undefined> {
  const {
    operation,
    idempotencyKey,
    idempotencyOwner: owner = idempotencyOwner,
    key = '',
  } = checkOptions('findByKey', keyQuestionSchema, question);
  if (registry.find(operation) === undefined) {
    throw new ValidationError([{ path: 'operation', code: 'UNKNOWN_OPERATION', message: registry.unknown(operation) }]);
  }
  const text = await keyLookUp.textUnder({ owner, operation, key: idempotencyKey }, key);
  if (text === undefined) {
    const message =
      'is needed in a Redis Cluster: the first key of the update, beside which its idempotency key is remembered';
    throw new ValidationError([{ path: 'key', code: 'INVALID_UPDATE', message }]);
  }
  const receipt = decodeKeyReceipt(text);
  if (receipt === undefined || receipt.form > FORM) {
    return undefined;
  }
  const { updateId: id, outcome } = receipt;
  const found = await find(id);
  const kind = kindOf(outcome);
  const status = kind === 'duplicate' ? 'applied' : kind;
  return { id, operation, status, ...(found?.outcome !== undefined && { found }) };
}
