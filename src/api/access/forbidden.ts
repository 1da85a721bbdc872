import { keyOfBucket } from '../../operations/buckets.js';
import { placeOfKey } from '../../operations/update.js';
import type { CheckedUpdate } from '../../operations/update.js';
import { problemOfErrors } from '../../web/problems.js';
import type { ProblemError } from '../../web/problems.js';
import { mayUseKey, mayUseOperation } from './access.js';
import type { Access } from './access.js';

/**
 * Refuses all of these updates when one of them is more than the caller may do.
 *
 * @param placeOf how the request names a place within the update of this index
 * @throws Problem `FORBIDDEN` that names each place
 */
export function refuseForbidden(
  access: Access,
  updates: readonly CheckedUpdate[],
  placeOf: (index: number, path: string) => string,
): void {
  const errors = updates.flatMap((update, index) => {
    const faults = access.readOnly ? [readOnlyFault()] : faultsOf(access, update);
    return faults.map((fault) => ({ ...fault, path: placeOf(index, fault.path) }));
  });
  if (errors.length > 0) {
    throw problemOfErrors('FORBIDDEN', errors as [ProblemError, ...ProblemError[]], { accepted: 'none' });
  }
}

/**
 * Refuses all of these updates when one of them has no idempotency key, and the caller's updates need one.
 *
 * @throws Problem `IDEMPOTENCY_KEY_REQUIRED` that names each place
 */
export function requireIdempotencyKeys(
  { requireIdempotencyKey }: Access,
  updates: readonly CheckedUpdate[],
  placeOf: (index: number, path: string) => string,
): void {
  const keyless = requireIdempotencyKey
    ? [...updates.keys()].filter((n) => updates[n]?.idempotencyKey === undefined)
    : [];
  const message = 'is needed: this API key only submits updates that can be sent again';
  const errors = keyless.map((index): ProblemError => {
    return { path: placeOf(index, 'idempotencyKey'), code: 'IDEMPOTENCY_KEY_REQUIRED', message };
  });
  if (errors.length > 0) {
    throw problemOfErrors('IDEMPOTENCY_KEY_REQUIRED', errors as [ProblemError, ...ProblemError[]], {
      accepted: 'none',
    });
  }
}

/** Whether the caller may know of this update. */
export function maySee(access: Access, update: CheckedUpdate): boolean {
  return faultsOf(access, update).length === 0;
}

/** What an update has that the caller may not use, with its place in the update. */
function faultsOf(access: Access, { operation, params, steps }: CheckedUpdate): ProblemError[] {
  const faults = new Map<string, string>();
  if (!mayUseOperation(access, operation.name)) {
    faults.set('operation', operationFault(operation.name));
  }
  for (const [index, step] of steps.entries()) {
    if (step.operation !== operation.name && !mayUseOperation(access, step.operation)) {
      faults.set(`params.updates[${index}].operation`, operationFault(step.operation));
    }
    for (const { key } of step.cells) {
      if (!mayUseKey(access, key) && !(step.ofBucket && mayUseKey(access, keyOfBucket(key)))) {
        faults.set(placeOfKey(params, key), `"${key}" is not a key that this API key allows`);
      }
    }
  }
  return [...faults].map(([path, message]) => ({ path, code: 'FORBIDDEN', message }));
}

function operationFault(name: string): string {
  return `${name} is not an operation that this API key allows`;
}

function readOnlyFault(): ProblemError {
  return { path: 'operation', code: 'FORBIDDEN', message: 'this API key may only read' };
}
