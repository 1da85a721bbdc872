import { QueueUnavailableError, RedisRefusedError } from '../errors.js';
import { Submission } from './submission.js';

/** The submissions of a list of updates, which may leave in several jobs: one promise for all of them, see docs/decisions/23-last-third.md. */
export class SubmissionList {
  /** Resolves when all are settled; rejects when not all were accepted, with a QueueUnavailableError that says how many were. */
  readonly settled: Promise<Submission[]>;
  readonly #results: unknown[];
  #unsettled: number;
  #conclude: () => void = () => undefined;

  constructor(length: number) {
    this.#results = new Array<undefined>(length).fill(undefined);
    this.#unsettled = length;
    const whenAll = new Promise<void>((resolve) => {
      this.#conclude = resolve;
    });
    this.settled = whenAll.then(() => concluded(this.#results));
    if (length === 0) {
      this.#conclude();
    }
  }

  /** Only the first result for a place counts. @param result a submission, or why there is none */
  settle(place: number, result: unknown): void {
    if (this.#results[place] !== undefined) {
      return;
    }
    this.#results[place] = result;
    this.#unsettled -= 1;
    if (this.#unsettled === 0) {
      this.#conclude();
    }
  }
}

function concluded(results: readonly unknown[]): Submission[] {
  // What is none is a failure, whatever it is: an error of another realm, as in Jest, is no instance of Error.
  const failures = results.filter((result) => !(result instanceof Submission));
  if (failures.length === 0) {
    return results as Submission[];
  }
  const [first] = failures;
  const accepted = results.length - failures.length;
  if (accepted === 0) {
    throw failures.find(leavesItOpen) ?? first;
  }
  const message =
    `${accepted} of ${results.length} updates were accepted, then: ${(first as Partial<Error> | undefined)?.message ?? String(first)}; send all of them ` +
    'again with the same idempotency keys, and each takes effect once';
  const options = { cause: first, accepted: 'some' } as const;
  throw first instanceof RedisRefusedError
    ? new RedisRefusedError(first.redisCode, message, options)
    : new QueueUnavailableError(message, options);
}

/** Of several failures, one that does not rule out acceptance speaks for all. */
function leavesItOpen(failure: unknown): boolean {
  return failure instanceof QueueUnavailableError && failure.accepted !== 'none';
}
