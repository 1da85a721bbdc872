/** An error that Tally raises on purpose. `code` is stable; the message is for people. */
export class TallyError extends Error {
  override readonly name: string = 'TallyError';

  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** One thing wrong with an update. */
export interface ValidationIssue {
  /** Where, e.g. `params.by` or `[3].params.items[0].key`. Empty for the update itself. */
  readonly path: string;
  readonly code: ValidationCode;
  readonly message: string;
}

export type ValidationCode =
  | 'INVALID_UPDATE'
  | 'INVALID_PARAMS'
  | 'UNKNOWN_OPERATION'
  | 'RESERVED_KEY'
  | 'CROSS_SLOT'
  | 'DELAY_PAST_WINDOW'
  | 'INVALID_SCHEDULE';

/** The update was refused before it was queued; nothing was accepted. `code` is that of the first issue. */
export class ValidationError extends TallyError {
  override readonly name = 'ValidationError';

  constructor(readonly issues: readonly [ValidationIssue, ...ValidationIssue[]]) {
    super(
      issues[0].code,
      issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; '),
    );
  }
}

/**
 * How many updates of a failed call were accepted: none, some, or it is not known. Those with idempotency keys can
 * be sent again in any case, and take effect once.
 */
export type Accepted = 'none' | 'some' | 'unknown';

/**
 * Redis did not answer in time, or refused, see {@link RedisRefusedError}. Unless {@link accepted} says otherwise, the update
 * may or may not have been accepted: send it again with the same idempotency key, and it takes effect once.
 */
export class QueueUnavailableError extends TallyError {
  override readonly name: string = 'QueueUnavailableError';
  readonly accepted: Accepted;

  constructor(
    message: string,
    { accepted = 'unknown', ...options }: ErrorOptions & { accepted?: Accepted } = {},
    code: 'QUEUE_UNAVAILABLE' | 'REDIS_REFUSED' = 'QUEUE_UNAVAILABLE',
  ) {
    super(code, message, options);
    this.accepted = accepted;
  }
}

/**
 * Redis answered, and refused: it is full, a replica, without enough replicas of its own, without rights for this user ...
 * Waiting alone may not help: {@link redisCode} says what to look at.
 */
export class RedisRefusedError extends QueueUnavailableError {
  override readonly name = 'RedisRefusedError';

  constructor(
    /**
     * Redis' own code: `OOM`, `READONLY`, `NOREPLICAS`, `MISCONF`, `NOPERM`, `LOADING`, `BUSY`, `CLUSTERDOWN`, `MASTERDOWN`,
     * `NOAUTH`, `WRONGPASS`, `MAXCLIENTS` for "max number of clients reached", or another one.
     */
    readonly redisCode: string,
    message: string,
    options: ErrorOptions & { accepted?: Accepted } = {},
  ) {
    super(message, options, 'REDIS_REFUSED');
  }
}

/** Idempotency keys were used before for other updates; nothing was accepted. Use new keys for new updates. */
export class IdempotencyConflictError extends TallyError {
  override readonly name = 'IdempotencyConflictError';

  constructor(
    /** Which updates of the call, counted from 0. */
    readonly indexes: readonly number[],
  ) {
    const which = indexes.length === 1 ? `update ${indexes.join()} was` : `updates ${indexes.join(', ')} were`;
    super(
      'IDEMPOTENCY_CONFLICT',
      `the idempotency key of ${which} used before for another update; nothing was accepted`,
    );
  }
}

/** More updates are waiting than the set limit; nothing was accepted. Slow down and send it again later. */
export class BackpressureError extends TallyError {
  override readonly name = 'BackpressureError';

  constructor(message: string) {
    super('BACKPRESSURE', message);
  }
}

/** The outcome did not come within the time given. The update is not affected: ask again. */
export class OutcomeTimeoutError extends TallyError {
  override readonly name = 'OutcomeTimeoutError';

  constructor(updateId: string, timeoutMs: number) {
    super('OUTCOME_TIMEOUT', `no outcome of update ${updateId} within ${timeoutMs} ms; it is still queued or running`);
  }
}

/** Settings or the Redis server do not allow a start. */
export class ConfigurationError extends TallyError {
  override readonly name = 'ConfigurationError';

  constructor(message: string, options?: ErrorOptions) {
    super('CONFIGURATION', message, options);
  }
}
