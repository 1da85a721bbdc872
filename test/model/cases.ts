import type { Rules } from './rules.js';
import type { ScenarioName } from './scenarios.js';

/** A rule that is taken back, or broken, and a setting in which the explorer must see the harm. */
export interface Case {
  readonly name: string;
  readonly rules: Partial<Rules>;
  readonly scenario: ScenarioName;
}

const OLD_AGE = { age: 'timestamp and delay', keyedAgeCounts: 'after the first run' } as const;

/** What 0.1 did, each alone. */
export const RULES_OF_0_1: readonly Case[] = [
  {
    name: 'age reckoned with the delay, which a promotion takes away',
    rules: OLD_AGE,
    scenario: 'one key sent twice, the first with a delay',
  },
  {
    name: 'age reckoned only after the first run',
    rules: { keyedAgeCounts: 'after the first run' },
    scenario: 'one key sent twice',
  },
  {
    name: 'put-back jobs dated by the clock of their worker',
    rules: { putBackStamp: "the worker's time" },
    scenario: 'one key, in a batch whose worker is ahead, and again',
  },
  {
    name: 'a receipt of a key that lives for the window of the job',
    rules: { keyReceiptLives: 'the own window' },
    scenario: 'one key sent twice, with two windows',
  },
  {
    name: 'stamps by the clock of the producer',
    rules: { stampFrom: 'the producer' },
    scenario: 'a producer whose clock is behind',
  },
  {
    name: 'failed jobs removed by the clocks of workers',
    rules: { removedBy: "workers' times" },
    scenario: 'a janitor, and a worker whose clock is ahead',
  },
  {
    name: 'too old told as failed',
    rules: { tooOldIs: 'failed' },
    scenario: 'one job, and workers die',
  },
  {
    name: 'a receipt of a key for each partition',
    rules: { keyReceiptNames: 'partition and key' },
    scenario: 'one key sent twice, in two partitions',
  },
  {
    name: 'age of an unkeyed job reckoned with its delay',
    rules: { age: 'timestamp and delay' },
    scenario: 'a delayed job is promoted',
  },
  {
    name: 'windows by TIME alone, which steps back',
    rules: { clock: 'not raised' },
    scenario: 'one key sent twice, and clocks step',
  },
  { name: 'receipts named by the id alone', rules: { receiptNames: 'id' }, scenario: 'two jobs of two queues' },
  { name: 'return values of others believed', rules: { believed: 'any' }, scenario: 'a foreign worker' },
  {
    name: 'outcomes of a batch by position alone',
    rules: { outcomes: 'by position' },
    scenario: 'a batch is edited',
  },
  {
    name: 'jobs of a newer form failed',
    rules: { newerForm: 'failed' },
    scenario: 'a worker older than the jobs',
  },
  {
    name: 'a batch failed for one update that its worker cannot run',
    rules: { impossibleUpdate: 'fails its batch' },
    scenario: 'a strict worker, and all wait for all',
  },
  {
    name: 'failed told while an earlier request is under way',
    rules: { lateRequest: 'not waited for' },
    scenario: 'a late request',
  },
  {
    name: 'a removed put-back job answered by its batch',
    rules: { removedPutBack: 'the batch' },
    scenario: 'a batch whose put-back job is removed',
  },
];

/** Other ways to get the protocol wrong. */
export const MUTATIONS: readonly Case[] = [
  {
    name: 'a put-back job loses its idempotency key',
    rules: { putBackKey: 'lost' },
    scenario: 'one key, in a batch and again',
  },
  {
    name: '"not accepted" is told despite a lost connection',
    rules: { refusedAfterLoss: 'not accepted' },
    scenario: 'an add that is refused',
  },
  {
    name: 'a wholly failed batch leaves no receipt',
    rules: { failedBatch: 'leaves no receipt' },
    scenario: 'a batch, of which all updates fail',
  },
  {
    name: 'settling cuts receipts of jobs that may be put back anew',
    rules: { settlingCuts: 'put-back jobs too' },
    scenario: 'a batch whose put-back job is removed',
  },
  {
    name: 'settling cuts receipts of jobs that others completed',
    rules: { settlingCuts: 'what others completed too' },
    scenario: 'a foreign worker',
  },
  { name: 'the stamp is ignored', rules: { age: 'ignored' }, scenario: 'one key sent twice' },
  {
    name: 'the stamp is taken after the look-up',
    rules: { stampTaken: 'after the look-up' },
    scenario: 'one key sent twice',
  },
  {
    name: 'a stamp counts whose look-up came much later',
    rules: { lookUp: 'whenever it comes' },
    scenario: 'one key sent twice, the look-up apart from the stamp',
  },
  {
    name: 'the late request is not waited for',
    rules: { lateRequest: 'not waited for' },
    scenario: 'a late request',
  },
  {
    name: 'return values are taken without their mark',
    rules: { believed: 'any' },
    scenario: 'a foreign worker',
  },
  {
    name: 'an update is put back before the receipt of its batch',
    rules: { putBack: 'before the receipt' },
    scenario: 'a strict worker and a lenient one',
  },
  {
    name: 'the receipt of a key lives for the own window',
    rules: { keyReceiptLives: 'the own window' },
    scenario: 'one key sent twice, with two windows',
  },
  {
    name: 'the clock is not raised',
    rules: { clock: 'not raised' },
    scenario: 'one key sent twice, and clocks step',
  },
  {
    name: 'receipts are named without the queue',
    rules: { receiptNames: 'id' },
    scenario: 'two jobs of two queues',
  },
  {
    name: 'a lease is over by TIME alone',
    rules: { leaseEndsBy: 'TIME' },
    scenario: 'a late request, and the clock steps',
  },
  {
    name: 'the receipt of a job lives from TIME on',
    rules: { receiptLivesFrom: 'TIME' },
    scenario: 'one job, and the clock steps',
  },
  {
    name: 'a first run without a key is never too old',
    rules: { unkeyedAgeCounts: 'after the first run' },
    scenario: 'a job that waits for long is cancelled',
  },
  {
    name: 'failed is told when receipts may be gone',
    rules: { failedIsTold: 'always' },
    scenario: 'a late request',
  },
];
