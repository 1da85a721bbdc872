import type { CheckedUpdate } from '../operations/update.js';
import type { Slot } from '../redis/slots.js';
import type { Caller } from './batcher.js';
import type { Submission } from './submission.js';
import type { Trace } from './trace.js';

/**
 * A checked update, and its caller who waits. Small: under load, what waits is what the garbage collector has to copy. A class, since
 * V8 puts the objects of a literal among the old ones for good when those of a first burst live long, and with them all that they
 * hold: see docs/decisions/23-last-third.md.
 */
export class PendingUpdate implements Caller<Submission> {
  readonly params: unknown;
  readonly idempotencyKey: string | undefined;
  readonly idempotencyOwner: string;
  readonly slot: Slot;
  /** How many cells it touches. */
  readonly cells: number;
  /** Since when its caller waits, in local ms. */
  readonly sinceMs: number;
  /** The request that brought it. */
  readonly trace: Trace | undefined;
  /** Redis' time after which it is not sent, unless its idempotency key is known. */
  readonly sendBeforeMs: number | undefined;
  /** With telemetry: where in a trace it was submitted. */
  readonly carrier: string | undefined;

  constructor(
    { params, idempotencyKey, idempotencyOwner, slot, steps }: CheckedUpdate,
    { sinceMs, trace, sendBeforeMs, carrier }: Pick<PendingUpdate, 'sinceMs' | 'trace' | 'sendBeforeMs' | 'carrier'>,
    readonly resolve: (submission: Submission) => void,
    readonly reject: (error: unknown) => void,
  ) {
    let cells = 0;
    for (const step of steps) {
      cells += step.cells.length;
    }
    this.params = params;
    this.idempotencyKey = idempotencyKey;
    this.idempotencyOwner = idempotencyOwner;
    this.slot = slot;
    this.cells = cells;
    this.sinceMs = sinceMs;
    this.trace = trace;
    this.sendBeforeMs = sendBeforeMs;
    this.carrier = carrier;
  }
}
