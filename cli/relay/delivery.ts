import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import {
  BackpressureError,
  OutcomeTimeoutError,
  QueueUnavailableError,
  TallyError,
  ValidationError,
} from '../../src/errors.js';
import type { BuiltInOperation, Operation, Outcome, Producer, Submission } from '../../src/index.js';
import type { OutboxRow, RowEnd } from './outbox.js';
import { faultOf } from './row-update.js';
import type { RowUpdate } from './row-update.js';

/** How long to wait before an update is sent again, doubling. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** While Redis is away, every row meets the same error. */
const LOG_EVERY_MS = 10_000;

/** An outcome is asked for again and again: a job may wait for days. */
const OUTCOME_TIMEOUT_MS = 3_600_000;

/** A row on its way. */
export interface HeldRow {
  row: OutboxRow;
  readonly update: RowUpdate['update'];
  /** Whether Redis may have it already: from this relay, or from one before. */
  maybeSent: boolean;
}

/**
 * Outcomes that are awaited, by owner and id. A session that follows another one, whose connection was lost, finds its rows here, and need
 * not send them again.
 */
export type AwaitedOutcomes = Map<string, Promise<Outcome>>;

interface DeliveryDeps {
  readonly producer: Producer<BuiltInOperation | Operation>;
  readonly awaited: AwaitedOutcomes;
  readonly logger: Logger;
  /** Gets a row that was not sent for so long that it has to be taken anew. @returns undefined when it waits no more */
  readonly renew: (row: OutboxRow) => Promise<OutboxRow | undefined>;
  /** Nothing more is to be sent. */
  readonly stopped: AbortSignal;
}

/** Sends updates, each until its outcome is known. */
export class Delivery {
  #loggedAtMs = -Infinity;

  constructor(private readonly deps: DeliveryDeps) {}

  /** @returns undefined when it was stopped before the outcome was known, or the row waits no more. @throws what Postgres said */
  async deliver(held: HeldRow): Promise<RowEnd | undefined> {
    const { stopped, renew } = this.deps;
    for (let pauseMs = FIRST_PAUSE_MS; !stopped.aborted; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
      try {
        return endOf(held.row, await this.#outcomeOf(held));
      } catch (error) {
        if (error instanceof ValidationError) {
          return { id: held.row.id, outcome: 'invalid', reason: faultOf(error) };
        }
        if (isCode(error, 'TOO_LATE_TO_SEND')) {
          if (held.maybeSent) {
            return tooOld(held.row);
          }
          const renewed = await renew(held.row);
          if (renewed === undefined) {
            return undefined;
          }
          held.row = renewed;
          continue;
        }
        if (isCode(error, 'CLOSED')) {
          return undefined;
        }
        this.#log(error);
        await setTimeout(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: stopped }).catch(() => undefined);
      }
    }
    return undefined;
  }

  async #send(held: HeldRow): Promise<Submission> {
    const { operation, params } = held.update;
    const { id: idempotencyKey, sentAs: idempotencyOwner, resendUntilMs } = held.row;
    const options = { idempotencyKey, idempotencyOwner, sendBefore: new Date(Math.max(0, Math.floor(resendUntilMs))) };
    try {
      // The operation is the user's word: the producer checks it, not the compiler.
      const update = { operation, params } as { operation: 'counter.increment'; params: { key: string } };
      const submission: Submission = await this.deps.producer.submit(update, options);
      held.maybeSent = true;
      return submission;
    } catch (error) {
      held.maybeSent ||= mayBeAccepted(error);
      throw error;
    }
  }

  async #outcomeOf(held: HeldRow): Promise<Outcome> {
    const { awaited } = this.deps;
    const name = JSON.stringify([held.row.sentAs, held.row.id]);
    let outcome = awaited.get(name);
    if (outcome === undefined) {
      outcome = follow(await this.#send(held));
      awaited.set(name, outcome);
      const forget = () => {
        awaited.delete(name);
      };
      outcome.then(forget, forget);
    }
    return outcome;
  }

  #log(error: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.#loggedAtMs > LOG_EVERY_MS) {
      this.#loggedAtMs = nowMs;
      this.deps.logger.warn(`rows wait: ${(error as Error).message}`);
    }
  }
}

async function follow(submission: Submission): Promise<Outcome> {
  for (;;) {
    try {
      return await submission.outcome({ timeoutMs: OUTCOME_TIMEOUT_MS });
    } catch (error) {
      if (!(error instanceof OutcomeTimeoutError)) {
        throw error; // its job may be gone: then it is sent again
      }
    }
  }
}

function mayBeAccepted(error: unknown): boolean {
  if (error instanceof ValidationError || error instanceof BackpressureError || isCode(error, 'TOO_LATE_TO_SEND')) {
    return false;
  }
  return !(error instanceof QueueUnavailableError && error.accepted === 'none');
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof TallyError && error.code === code;
}

function endOf({ id }: OutboxRow, outcome: Outcome): RowEnd {
  const { status } = outcome;
  return status === 'applied'
    ? { id, outcome: status, reason: null }
    : { id, outcome: status, reason: `${outcome.reason}: ${outcome.message}` };
}

function tooOld({ id }: OutboxRow): RowEnd {
  const reason =
    'TOO_OLD: it was sent, or about to be, when a relay ended, and that is longer ago than idempotency keys are remembered: it can not be ' +
    'told whether it was applied. Compare; to have it sent (again), set processed_at and outcome to null';
  return { id, outcome: 'unknown', reason };
}
