import type { Invariant } from './invariants.js';
import type { Rules } from './rules.js';
import type { ScenarioName } from './scenarios.js';

/** A rule that is taken back, or broken, and a setting in which the explorer must see the harm. */
export interface Case {
  readonly name: string;
  readonly rules: Partial<Rules>;
  readonly scenario: ScenarioName;
  readonly breaks: Invariant;
}

const OLD_AGE = { age: 'timestamp and delay', keyedAgeCounts: 'after the first run' } as const;

/** What 0.1 did, each alone. */
export const RULES_OF_0_1: readonly Case[] = [
  {
    name: 'age reckoned with the delay, which a promotion takes away',
    rules: OLD_AGE,
    scenario: 'one key sent twice, the first with a delay',
    breaks: 'a key is applied twice',
  },
  {
    name: 'age reckoned only after the first run',
    rules: { keyedAgeCounts: 'after the first run' },
    scenario: 'one key sent twice',
    breaks: 'a key is applied twice',
  },
  {
    name: 'put-back jobs dated by the clock of their worker',
    rules: { putBackStamp: "the worker's time" },
    scenario: 'one key, in a batch whose worker is ahead, and again',
    breaks: 'a key is applied twice',
  },
  {
    name: 'a receipt of a key that lives for the window of the job',
    rules: { keyReceiptLives: 'the own window' },
    scenario: 'one key sent twice, with two windows',
    breaks: 'a key is applied twice',
  },
  {
    name: 'stamps by the clock of the producer',
    rules: { stampFrom: 'the producer' },
    scenario: 'a producer whose clock is behind',
    breaks: 'refused as too old within its window',
  },
  {
    name: 'failed jobs removed by the clocks of workers',
    rules: { removedBy: "workers' times" },
    scenario: 'a janitor, and a worker whose clock is ahead',
    breaks: 'removed before its time',
  },
  {
    name: 'too old told as failed',
    rules: { tooOldIs: 'failed' },
    scenario: 'one job, and workers die',
    breaks: 'told "failed", "cancelled" or "not accepted" of what was applied',
  },
  {
    name: 'a receipt of a key for each partition',
    rules: { keyReceiptNames: 'partition and key' },
    scenario: 'one key sent twice, in two partitions',
    breaks: 'a key is applied twice',
  },
  {
    name: 'age of an unkeyed job reckoned with its delay',
    rules: { age: 'timestamp and delay' },
    scenario: 'a delayed job is promoted',
    breaks: 'an update is applied twice',
  },
  {
    name: 'windows by TIME alone, which steps back',
    rules: { clock: 'not raised' },
    scenario: 'one key sent twice, and clocks step',
    breaks: 'a key is applied twice',
  },
  {
    name: 'receipts named by the id alone',
    rules: { receiptNames: 'id' },
    scenario: 'two jobs of two queues',
    breaks: 'told "applied" of what was not applied',
  },
  {
    name: 'return values of others believed',
    rules: { believed: 'any' },
    scenario: 'a foreign worker',
    breaks: 'told "applied" of what was not applied',
  },
  {
    name: 'outcomes of a batch by position alone',
    rules: { outcomes: 'by position' },
    scenario: 'a batch is edited',
    breaks: 'told "applied" of what was not applied',
  },
  {
    name: 'jobs of a newer form failed',
    rules: { newerForm: 'failed' },
    scenario: 'a worker older than the jobs',
    breaks: 'an update has not ended, or not as it should',
  },
  {
    name: 'a batch failed for one update that its worker cannot run',
    rules: { impossibleUpdate: 'fails its batch' },
    scenario: 'a strict worker, and all wait for all',
    breaks: 'an update has not ended, or not as it should',
  },
  {
    name: 'failed told while an earlier request is under way',
    rules: { lateRequest: 'not waited for' },
    scenario: 'a late request',
    breaks: 'told "failed", "cancelled" or "not accepted" of what was applied',
  },
  {
    name: 'a removed put-back job answered by its batch',
    rules: { removedPutBack: 'the batch' },
    scenario: 'a batch whose put-back job is removed',
    breaks: 'told "failed", "cancelled" or "not accepted" of what was applied',
  },
];

/** Other ways to get the protocol wrong. */
export const MUTATIONS: readonly Case[] = [
  {
    name: 'a put-back job loses its idempotency key',
    rules: { putBackKey: 'lost' },
    scenario: 'one key, in a batch and again',
    breaks: 'a key is applied twice',
  },
  {
    name: '"not accepted" is told despite a lost connection',
    rules: { refusedAfterLoss: 'not accepted' },
    scenario: 'an add that is refused',
    breaks: 'told "failed", "cancelled" or "not accepted" of what was applied',
  },
  {
    name: 'a wholly failed batch leaves no receipt',
    rules: { failedBatch: 'leaves no receipt' },
    scenario: 'a batch, of which all updates fail',
    breaks: 'an update is applied twice',
  },
  {
    name: 'settling cuts receipts of jobs that may be put back anew',
    rules: { settlingCuts: 'put-back jobs too' },
    scenario: 'a batch whose put-back job is removed',
    breaks: 'an update is applied twice',
  },
  {
    name: 'settling cuts receipts of jobs that others completed',
    rules: { settlingCuts: 'what others completed too' },
    scenario: 'a foreign worker',
    breaks: 'an update is applied twice',
  },
  {
    name: 'the stamp is ignored',
    rules: { age: 'ignored' },
    scenario: 'one key sent twice',
    breaks: 'a key is applied twice',
  },
  {
    name: 'the stamp is taken after the look-up',
    rules: { stampTaken: 'after the look-up' },
    scenario: 'one key sent twice',
    breaks: 'a key is applied twice',
  },
  {
    name: 'a stamp counts whose look-up came much later',
    rules: { lookUp: 'whenever it comes' },
    scenario: 'one key sent twice, the look-up apart from the stamp',
    breaks: 'a key is applied twice',
  },
  {
    name: 'the late request is not waited for',
    rules: { lateRequest: 'not waited for' },
    scenario: 'a late request',
    breaks: 'told "failed", "cancelled" or "not accepted" of what was applied',
  },
  {
    name: 'return values are taken without their mark',
    rules: { believed: 'any' },
    scenario: 'a foreign worker',
    breaks: 'told "applied" of what was not applied',
  },
  {
    name: 'an update is put back before the receipt of its batch',
    rules: { putBack: 'before the receipt' },
    scenario: 'a strict worker and a lenient one',
    breaks: 'an update is applied twice',
  },
  {
    name: 'the receipt of a key lives for the own window',
    rules: { keyReceiptLives: 'the own window' },
    scenario: 'one key sent twice, with two windows',
    breaks: 'a key is applied twice',
  },
  {
    name: 'the clock is not raised',
    rules: { clock: 'not raised' },
    scenario: 'one key sent twice, and clocks step',
    breaks: 'a key is applied twice',
  },
  {
    name: 'receipts are named without the queue',
    rules: { receiptNames: 'id' },
    scenario: 'two jobs of two queues',
    breaks: 'told "applied" of what was not applied',
  },
  {
    name: 'a lease is over by TIME alone',
    rules: { leaseEndsBy: 'TIME' },
    scenario: 'a late request, and the clock steps',
    breaks: 'told "failed", "cancelled" or "not accepted" of what was applied',
  },
  {
    name: 'the receipt of a job lives from TIME on',
    rules: { receiptLivesFrom: 'TIME' },
    scenario: 'one job, and the clock steps',
    breaks: 'an update is applied twice',
  },
  {
    name: 'a first run without a key is never too old',
    rules: { unkeyedAgeCounts: 'after the first run' },
    scenario: 'a job that waits for long is cancelled',
    breaks: 'told "failed", "cancelled" or "not accepted" of what was applied',
  },
  {
    name: 'a cancel leaves the key free',
    rules: { cancelledKey: 'left free' },
    scenario: 'one key sent twice, and one is cancelled',
    breaks: 'a key is both applied and cancelled',
  },
  {
    name: 'a cancel does not look for the receipt of the key',
    rules: { cancelLooksFor: "the job's receipt" },
    scenario: 'one key sent twice, and one is cancelled',
    breaks: 'a key is both applied and cancelled',
  },
  {
    name: 'jobs are removed while their add may linger',
    rules: { endedJobs: 'removed at any time' },
    scenario: 'an add lingers, and the job is removed',
    breaks: 'an update is applied twice',
  },
  {
    name: 'failed is told when receipts may be gone',
    rules: { failedIsTold: 'always' },
    scenario: 'a late request',
    breaks: 'told "failed", "cancelled" or "not accepted" of what was applied',
  },
];
