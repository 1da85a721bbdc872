import type { Outcome } from '../operations/outcome.js';

const DEFAULT_OUTCOME_TIMEOUT_MS = 30_000;

/** An update that Redis has. */
export class Submission<Result = unknown> {
  constructor(
    /** Names the update, e.g. for `GET /v1/updates/{id}`. */
    readonly id: string,
    /** The BullMQ job that carries it. */
    readonly jobId: string,
    /** Its place in the job. */
    readonly index: number,
    private readonly wait: (timeoutMs: number) => Promise<Outcome<Result>>,
  ) {}

  /**
   * Waits for what becomes of the update.
   *
   * @param options.timeoutMs how long at most, in ms. @defaultValue 30,000
   * @throws OutcomeTimeoutError when it takes longer; the update is not affected
   */
  outcome({ timeoutMs = DEFAULT_OUTCOME_TIMEOUT_MS }: { timeoutMs?: number } = {}): Promise<Outcome<Result>> {
    return this.wait(timeoutMs);
  }
}
