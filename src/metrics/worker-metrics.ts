import type { Job, Worker } from 'bullmq';
import type { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { decodeFailure, decodeRecord } from '../jobs/form.js';
import { updatesIn } from '../jobs/job-data.js';
import type { JobData } from '../jobs/job-data.js';
import { settledRecord } from '../jobs/queues.js';
import type { JobResult } from '../jobs/queues.js';
import type { Operation } from '../operations/operation.js';
import { joinOutcomes } from '../operations/outcome.js';
import type { UpdateCounters } from './update-counters.js';
import { newCounter, newGauge, newHistogram } from './prom-client.js';

/** A job that meets an idle worker takes a few ms; one that Redis refuses is tried for about 5 minutes. */
const JOB_SECONDS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** From one update on a Redis nearby to the lock duration, past which no script writes. */
const SCRIPT_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** Batches of up to 256 by default, 1,000 at most. */
const JOB_UPDATES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000];

/** A worker meets each job of a newer form every 30 s: one that it has not met for so long is gone. */
const NEWER_FORM_LIFE_MS = 90_000;

/** Counts what workers do: once for each job, not for each update. */
export class WorkerMetrics {
  readonly #attempts: Counter<'queue'>;
  readonly #retries: Counter<'queue'>;
  readonly #stalled: Counter<'queue'>;
  readonly #reloads: Counter;
  readonly #callsByMaster: Counter<'result'>;
  readonly #jobSeconds: Histogram<'queue'>;
  readonly #scriptSeconds: Histogram<'queue'>;
  readonly #jobUpdates: Histogram<'operation'>;
  readonly #newerForm: Gauge<'queue'>;
  /** When jobs of a newer form were met last, by queue and `performance.now()`. */
  readonly #newerFormAtMs = new Map<string, number>();

  constructor(
    register: Registry,
    private readonly updates: UpdateCounters,
  ) {
    const ofQueue = { labelNames: ['queue'] as const, registers: [register] };
    this.#attempts = newCounter({
      ...ofQueue,
      name: 'tally_job_attempts_total',
      help: 'Attempts at jobs that workers of this process began.',
    });
    this.#retries = newCounter({
      ...ofQueue,
      name: 'tally_job_retries_total',
      help: 'Attempts at jobs that failed and are followed by another one.',
    });
    this.#stalled = newCounter({
      ...ofQueue,
      name: 'tally_stalled_jobs_total',
      help: 'Jobs that were found without a living worker and given to another one.',
    });
    this.#reloads = newCounter({
      name: 'tally_script_reloads_total',
      help: 'Times that Redis had lost the scripts and they were loaded again.',
      registers: [register],
    });
    this.#callsByMaster = newCallsByMaster(register);
    this.#jobSeconds = newHistogram({
      ...ofQueue,
      name: 'tally_job_duration_seconds',
      help: 'Time from the moment a job was added until it was completed.',
      buckets: JOB_SECONDS,
    });
    this.#scriptSeconds = newHistogram({
      ...ofQueue,
      name: 'tally_script_duration_seconds',
      help: 'Round trip of the script that applies a job.',
      buckets: SCRIPT_SECONDS,
    });
    this.#jobUpdates = newHistogram({
      name: 'tally_job_updates',
      help: 'Updates in a completed job.',
      labelNames: ['operation'],
      registers: [register],
      buckets: JOB_UPDATES,
    });
    this.#newerForm = newGauge({
      ...ofQueue,
      name: 'tally_jobs_newer_form',
      help: 'Jobs that a newer version of Tally has written, which the workers of this process can not read and put off.',
      collect: () => {
        this.#forgetNewerForm();
      },
    });
  }

  /**
   * Counts what happens to the jobs of this worker.
   *
   * @param known the operations that it knows. A job may have any name: another one is counted by its queue only, so
   * nobody can make more series than there are operations
   */
  watch(worker: Worker<JobData, JobResult>, known: readonly Operation[]): void {
    const { name: queue } = worker;
    const operations = new Set(known.map(({ name }) => name));
    this.updates.expect(known.filter((operation) => operation.queue === queue));
    for (const counter of [this.#attempts, this.#retries, this.#stalled]) {
      counter.inc({ queue }, 0);
    }
    this.newerForm(queue, 0);
    worker.on('active', () => {
      this.#attempts.inc({ queue });
    });
    worker.on('stalled', () => {
      this.#stalled.inc({ queue });
    });
    worker.on('completed', (job, record) => {
      if (settledRecord(job.progress) === undefined) {
        this.#completed(job, record); // otherwise it had been completed before, and counted
      }
    });
    worker.on('failed', (job) => {
      if (job === undefined) {
        return;
      }
      if (job.finishedOn === undefined) {
        this.#retries.inc({ queue });
      } else if (operations.has(job.name)) {
        this.updates.ended(job.name, decodeFailure(job.failedReason).status, updatesIn(job.data));
      }
    });
  }

  scriptAnswered(queue: string, durationMs: number): void {
    this.#scriptSeconds.observe({ queue }, durationMs / 1000);
  }

  calledByMaster(result: 'answered' | 'fell back'): void {
    this.#callsByMaster.inc({ result });
  }

  scriptsReloaded(): void {
    this.#reloads.inc();
  }

  /** Jobs of a queue that are put off since a newer version of Tally wrote them. */
  newerForm(queue: string, count: number): void {
    this.#newerForm.set({ queue }, count);
    this.#newerFormAtMs.set(queue, performance.now());
  }

  #forgetNewerForm(): void {
    for (const [queue, atMs] of this.#newerFormAtMs) {
      if (performance.now() - atMs > NEWER_FORM_LIFE_MS) {
        this.#newerForm.set({ queue }, 0);
      }
    }
  }

  #completed(job: Job<JobData, JobResult>, record: JobResult): void {
    const { name: operation, queueName: queue, timestamp, finishedOn = timestamp } = job;
    const updates = updatesIn(job.data);
    // The clocks of the producer and of this machine may differ.
    this.#jobSeconds.observe({ queue }, Math.max(0, finishedOn - timestamp) / 1000);
    this.#jobUpdates.observe({ operation }, updates);
    this.updates.completed(operation, joinOutcomes(decodeRecord(record)?.outcomes ?? []), updates);
  }
}

function newCallsByMaster(register: Registry): Counter<'result'> {
  const counter = newCounter({
    name: 'tally_calls_by_master_total',
    help: 'Script calls for all that a job has on a master of a Cluster, by whether they fell back to one for each slot.',
    labelNames: ['result'] as const,
    registers: [register],
  });
  for (const result of ['answered', 'fell back']) {
    counter.inc({ result }, 0);
  }
  return counter;
}
