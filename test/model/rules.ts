/** What the protocol prescribes. Each rule has the value that is right and others: those of 0.1, and mutations. */
export interface Rules {
  /** By what the age of a keyed update is reckoned: BullMQ's timestamp and delay (0.1, only for a job that ran before). */
  readonly age: 'stamp' | 'timestamp and delay' | 'ignored';
  /** Which attempts are refused when a keyed update is too old. */
  readonly keyedAgeCounts: 'in each run' | 'after the first run';
  /** The same for an update without a key, past the life of an unsettled receipt. */
  readonly unkeyedAgeCounts: 'in each run' | 'after the first run';
  /** Whether "failed" may be told when the receipt that would say otherwise may be gone. */
  readonly failedIsTold: 'while receipts last' | 'always';
  /** What is told of an update that is too old. */
  readonly tooOldIs: 'unknown' | 'failed';
  readonly stampFrom: 'Redis' | 'the producer';
  readonly stampTaken: 'before the look-up' | 'after the look-up';
  /** How long a stamp counts for which the look-up is not there yet. */
  readonly lookUp: 'soon after the stamp' | 'whenever it comes';
  /** Whether Redis' time never falls behind what was announced of it. */
  readonly clock: 'raised' | 'not raised';
  /** Which clock must have passed the end of a lease for it to be over, and whether it is raised to it then. */
  readonly leaseEndsBy: 'TIME and the raised clock' | 'TIME';
  /** From which time on a job's receipt lives. */
  readonly receiptLivesFrom: 'the raised clock' | 'TIME';
  readonly keyReceiptLives: 'the largest announced window' | 'the own window';
  readonly receiptNames: 'queue and id' | 'id';
  readonly keyReceiptNames: 'key' | 'partition and key';
  /** What a cancel does to the idempotency key of its update. */
  readonly cancelledKey: 'used up' | 'left free';
  /** Whether a cancel looks for the receipt of the key, which another job may have written. */
  readonly cancelLooksFor: 'both receipts' | "the job's receipt";
  /** Whether an attempt that lost its connection ends before its lease is over. */
  readonly lateRequest: 'waited for' | 'not waited for';
  /** What the caller is told whose job was refused after a lost connection. */
  readonly refusedAfterLoss: 'unknown' | 'not accepted';
  /** Whose return values, failure reasons and marks are believed. */
  readonly believed: 'own form' | 'any';
  readonly putBack: 'after the receipt' | 'before the receipt';
  readonly putBackKey: 'kept' | 'lost';
  readonly putBackStamp: 'that of the batch' | "the worker's time";
  readonly failedBatch: 'leaves a receipt' | 'leaves no receipt';
  /** Which receipts are cut when a job is settled. */
  readonly settlingCuts: 'own completed jobs' | 'put-back jobs too' | 'what others completed too';
  /** Whether outcomes name the data that they are of. */
  readonly outcomes: 'with digest' | 'by position';
  /** What an update that one worker can't run does to its batch. */
  readonly impossibleUpdate: 'fails itself' | 'fails its batch';
  readonly newerForm: 'put off' | 'failed';
  /** By which times failed jobs are removed. */
  readonly removedBy: "Redis' time" | "workers' times";
  readonly endedJobs: 'kept while an add may linger' | 'removed at any time';
  /** What tells how a put-back job ended that was removed. */
  readonly removedPutBack: 'its receipt' | 'the batch';
}

/** The protocol of 0.2. */
export const PROTOCOL: Rules = {
  age: 'stamp',
  keyedAgeCounts: 'in each run',
  unkeyedAgeCounts: 'in each run',
  failedIsTold: 'while receipts last',
  tooOldIs: 'unknown',
  stampFrom: 'Redis',
  stampTaken: 'before the look-up',
  lookUp: 'soon after the stamp',
  clock: 'raised',
  leaseEndsBy: 'TIME and the raised clock',
  receiptLivesFrom: 'the raised clock',
  keyReceiptLives: 'the largest announced window',
  receiptNames: 'queue and id',
  keyReceiptNames: 'key',
  cancelledKey: 'used up',
  cancelLooksFor: 'both receipts',
  lateRequest: 'waited for',
  refusedAfterLoss: 'unknown',
  believed: 'own form',
  putBack: 'after the receipt',
  putBackKey: 'kept',
  putBackStamp: 'that of the batch',
  failedBatch: 'leaves a receipt',
  settlingCuts: 'own completed jobs',
  outcomes: 'with digest',
  impossibleUpdate: 'fails itself',
  newerForm: 'put off',
  removedBy: "Redis' time",
  endedJobs: 'kept while an add may linger',
  removedPutBack: 'its receipt',
};
