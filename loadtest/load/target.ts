import type { Outcome, Update } from '../../src/index.js';

/** Where a load sends its updates. */
export interface Target {
  /**
   * Sends updates together. It never rejects: what went wrong is in the answer.
   */
  send(updates: readonly Update[]): Promise<Answer>;
  close(): Promise<void>;
}

export type Answer =
  | { readonly accepted: 'all'; readonly updates: readonly AcceptedUpdate[] }
  /** Unknown also when some of them were. */
  | { readonly accepted: 'none' | 'unknown'; readonly message: string };

export interface AcceptedUpdate {
  /** The job that carries it; undefined when it got none, as its idempotency key was known. */
  readonly jobId: string | undefined;
  /** Rejects when the outcome can't be found out. */
  readonly outcome: Promise<Outcome>;
}
