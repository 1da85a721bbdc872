import { TallyError } from '../errors.js';
import type { Outcome } from '../operations/outcome.js';

/** An update can't be taken back by its inverse: it has none, was not applied, or too long ago. Nothing was written. */
export class NotRevertibleError extends TallyError {
  override readonly name = 'NotRevertibleError';

  constructor(
    why: string,
    /** What became of the update, if that is why. */
    readonly outcome?: Outcome,
  ) {
    super('NOT_REVERTIBLE', `the update can't be reverted: ${why}`);
  }
}
