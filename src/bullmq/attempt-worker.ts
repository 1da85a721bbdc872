import type { Job, Worker } from 'bullmq';
import { lateClass } from '../lib/late-class.js';
import { bullmq } from './bullmq.js';
import { tryAgainLater } from './try-again-later.js';

const askedAtMs = new WeakMap<Job, number>();

/**
 * When BullMQ was asked for this attempt of the job, by `performance.now()`: before the job's lock was taken. Its
 * `processedOn` won't do, since the wall clock may have been set in between.
 */
export function attemptAskedAtMs(job: Job): number {
  const atMs = askedAtMs.get(job);
  if (atMs === undefined) {
    throw new Error(`job ${job.id ?? ''} came from somewhere else than an AttemptWorker`);
  }
  return atMs;
}

/**
 * Whether an earlier attempt at the job was begun. An operator may have the first number set back; each of the others is left by
 * an attempt that failed or vanished.
 */
export function hasRunBefore({ attemptsStarted, stalledCounter, stacktrace }: Job): boolean {
  return attemptsStarted > 1 || stalledCounter > 0 || (stacktrace ?? []).length > 0;
}

const LateWorker = lateClass(() => bullmq().Worker);

/** A worker of BullMQ's that tells when each attempt was asked for, and lets go of its jobs when it is told to. */
export abstract class AttemptWorker<Data extends object, Result> extends LateWorker<Data, Result> {
  /** Renews the locks of these jobs. @defaultValue over this worker's own connection */
  renewLocks: Worker['extendJobLocks'] | undefined;

  /** Called when an attempt begins, while the text of the job's data is at hand. */
  protected abstract dataRead(job: Job<Data, Result>, text: string): void;

  /** The error to fail an attempt with, for one that may be the processor's or BullMQ's own. */
  protected abstract failureFor(error: Error): Error;

  override extendJobLocks(...renewal: Parameters<Worker['extendJobLocks']>): Promise<string[]> {
    return this.renewLocks?.(...renewal) ?? super.extendJobLocks(...renewal);
  }

  /** Renews no more locks, for when `close` hangs because Redis is unreachable: its timers keep the process alive. */
  abandonJobs(): Promise<void> {
    const { stalledCheckStopper } = this as unknown as { stalledCheckStopper?: () => void };
    stalledCheckStopper?.();
    return this.lockManager.close();
  }

  protected override checkConnectionError<T>(command: () => Promise<T>): Promise<T | undefined> {
    return tryAgainLater(this, command);
  }

  protected override createJob(
    ...[stored, jobId]: Parameters<Worker<Data, Result>['createJob']>
  ): ReturnType<Worker<Data, Result>['createJob']> {
    const job = super.createJob(stored, jobId);
    this.dataRead(job, stored.data);
    return job;
  }

  protected override moveToActive(
    ...args: Parameters<Worker<Data, Result>['moveToActive']>
  ): ReturnType<Worker<Data, Result>['moveToActive']> {
    return noteAsking(() => super.moveToActive(...args));
  }

  /** Asks for the next job as well. */
  protected override handleCompleted(
    ...args: Parameters<Worker<Data, Result>['handleCompleted']>
  ): ReturnType<Worker<Data, Result>['handleCompleted']> {
    return noteAsking(() => super.handleCompleted(...args));
  }

  /**
   * Asks for the next job as well. BullMQ also fails a job whose completion it could not record, and then the reason is
   * its own.
   */
  protected override handleFailed(
    ...[error, ...rest]: Parameters<Worker<Data, Result>['handleFailed']>
  ): ReturnType<Worker<Data, Result>['handleFailed']> {
    const reason = error instanceof bullmq().DelayedError ? error : this.failureFor(error);
    return noteAsking(() => super.handleFailed(reason, ...rest));
  }
}

/** `ask` may bring a job, or none. */
async function noteAsking<Next extends Job | undefined>(ask: () => Promise<Next>): Promise<Next> {
  const atMs = performance.now();
  const job = await ask();
  if (job !== undefined) {
    askedAtMs.set(job, atMs);
  }
  return job;
}
