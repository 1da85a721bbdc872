import { TallyError } from '../errors.js';
import type { Outcome } from '../operations/outcome.js';

/** An update can't be taken back: it has begun, or has ended, or shares its job with others. It is not affected. */
export class NotCancellableError extends TallyError {
  override readonly name = 'NotCancellableError';

  constructor(
    why: string,
    /** What became of it, if that is known already. */
    readonly outcome?: Outcome,
  ) {
    super('NOT_CANCELLABLE', `the update can't be cancelled: ${why}`);
  }
}
