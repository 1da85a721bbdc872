import type { Outcome } from '../operations/outcome.js';

/** What the matchers get of vitest or Jest. */
interface MatcherContext {
  equals(one: unknown, other: unknown): boolean;
}

interface Verdict {
  readonly pass: boolean;
  readonly message: () => string;
}

/**
 * The types of {@link outcomeMatchers}, for `declare module 'vitest' { interface Matchers<T> extends OutcomeMatchers {} }`, or
 * `declare global { namespace jest { interface Matchers<R> extends OutcomeMatchers {} } }`.
 */
export interface OutcomeMatchers {
  /** It is `applied`, with this result, if one is given; `expect.objectContaining` may stand in its place. */
  toBeApplied(result?: unknown): void;
  /** It is `rejected`, with this reason, if one is given, such as `INSUFFICIENT_STOCK`. */
  toBeRejected(reason?: string): void;
  /** It is `failed`, with this reason, if one is given, such as `WRONG_TYPE`. */
  toHaveFailed(reason?: string): void;
  /** It is the outcome of an update that was sent before. */
  toBeDuplicate(): void;
}

/** Matchers for outcomes: `expect.extend(outcomeMatchers)`, in vitest and Jest. */
export const outcomeMatchers = {
  toBeApplied(this: MatcherContext, received: unknown, ...result: [result?: unknown]): Verdict {
    const outcome = outcomeOf(received);
    const isSame = result.length === 0 || (outcome?.status === 'applied' && this.equals(outcome.result, result[0]));
    return verdict(received, outcome?.status === 'applied' && isSame, `applied${shown(result)}`);
  },
  toBeRejected(received: unknown, ...reason: [reason?: string]): Verdict {
    return endsWith(received, 'rejected', reason);
  },
  toHaveFailed(received: unknown, ...reason: [reason?: string]): Verdict {
    return endsWith(received, 'failed', reason);
  },
  toBeDuplicate(received: unknown): Verdict {
    const outcome = outcomeOf(received);
    const isDuplicate = outcome !== undefined && 'duplicate' in outcome && outcome.duplicate === true;
    return verdict(received, isDuplicate, 'that of an update that was sent before');
  },
};

function endsWith(received: unknown, status: 'rejected' | 'failed', reason: [reason?: string]): Verdict {
  const outcome = outcomeOf(received);
  const pass = outcome?.status === status && (reason.length === 0 || outcome.reason === reason[0]);
  return verdict(received, pass, `${status}${shown(reason)}`);
}

function verdict(received: unknown, pass: boolean, expected: string): Verdict {
  return {
    pass,
    message: () => `the outcome should ${pass ? 'not ' : ''}be ${expected}, and is ${JSON.stringify(received)}`,
  };
}

function outcomeOf(received: unknown): Outcome | undefined {
  const isOutcome = typeof received === 'object' && received !== null && 'status' in received;
  return isOutcome ? (received as Outcome) : undefined;
}

function shown(given: readonly unknown[]): string {
  return given.length === 0 ? '' : ` with ${JSON.stringify(given[0])}`;
}
