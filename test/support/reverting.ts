import { expect } from 'vitest';
import { NotRevertibleError } from '../../src/index.js';
import type { Submission } from '../../src/index.js';

interface AnyProducer {
  submit(update: object): Promise<Submission>;
}

/** An update of any operation, whatever the compiler knows of it. */
export const send = (producer: object, operation: string, params: object): Promise<Submission> =>
  (producer as AnyProducer).submit({ operation, params });

/** Why an update can't be reverted. */
export async function refusalOf(reverting: Promise<unknown>): Promise<NotRevertibleError> {
  const error = await reverting.then(
    () => undefined,
    (refusal: unknown) => refusal,
  );
  expect(error).toBeInstanceOf(NotRevertibleError);
  return error as NotRevertibleError;
}
