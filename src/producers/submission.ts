import { updateId } from '../jobs/job-id.js';
import type { Operation } from '../operations/operation.js';
import type { Outcome } from '../operations/outcome.js';
import type { SentJob } from './sent-job.js';

const DEFAULT_OUTCOME_TIMEOUT_MS = 30_000;

/** The update that a submission is about, and where it is. */
export interface SubmittedUpdate {
  readonly operation: Operation;
  readonly params: unknown;
  readonly job: SentJob;
  readonly index: number;
}

export interface OutcomeOptions {
  /** How long to wait at most, in ms. @defaultValue 30,000 */
  readonly timeoutMs?: number;
}

/** Finds out what becomes of an update. */
export type FollowOutcome = (update: SubmittedUpdate, timeoutMs: number) => Promise<Outcome>;

/** An update that Redis has. */
export class Submission<Result = unknown, Code extends string = string> {
  /** @internal */
  constructor(
    private readonly job: SentJob,
    /** Its place in the job. */
    readonly index: number,
    private readonly operation: Operation,
    private readonly params: unknown,
    private readonly follow: FollowOutcome,
    /** Whether its idempotency key was known already: it got no job of its own, and its outcome is there. */
    readonly isRepeat = false,
  ) {}

  /** The BullMQ job that carries it. */
  get jobId(): string {
    return this.job.jobId;
  }

  /** Names the update, e.g. for `GET /v1/updates/{id}`. */
  get id(): string {
    return updateId(this.jobId, this.index);
  }

  /**
   * Waits for what becomes of the update.
   *
   * @throws OutcomeTimeoutError when it takes longer; the update is not affected
   */
  outcome(options: OutcomeOptions = {}): Promise<Outcome<Result, Code>> {
    const { timeoutMs = DEFAULT_OUTCOME_TIMEOUT_MS } = options;
    const { operation, params, job, index } = this;
    return this.follow({ operation, params, job, index }, timeoutMs) as Promise<Outcome<Result, Code>>;
  }
}
