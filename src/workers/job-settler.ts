import type { Logger } from 'pino';
import { keysToSettle } from '../bullmq/scripts.js';
import { isRequeued } from '../jobs/job-id.js';
import type { Partition } from '../layout/partitions.js';
import type { Receipts } from '../layout/receipts.js';
import type { JobName, Keys } from '../redis/keys.js';
import type { Script, ScriptRunner } from '../redis/scripts.js';
import type { Slot } from '../redis/slots.js';
import type { ReceiptExpirer } from './receipt-expirer.js';

/** How long completed jobs gather: a call for each would double the calls of single jobs. */
const GATHER_MS = 100;

const MAX_BATCH = 500;
const RETRY_MS = 1_000;
const MAX_WAITING = 100_000;

interface JobToSettle {
  readonly name: JobName;
  /** Under which it has the same receipt once more, as who cancels an update writes it. */
  readonly otherName: JobName | undefined;
  readonly state: 'completed' | 'failed';
  /** How many it carries. */
  readonly updates: number;
  /** Where it has receipts that this script can't reach. */
  readonly slots: readonly Slot[];
}

/**
 * Settles jobs of one partition that have ended, many at once and off the path of the jobs: corrects the time of their end,
 * leaves a mark on each that was completed, and then cuts its receipt. One that is not settled, because the worker died, only
 * keeps its receipt for 400 days.
 */
export class JobSettler {
  #waiting: JobToSettle[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(
    private readonly deps: {
      readonly scripts: ScriptRunner;
      readonly settle: Script;
      readonly keys: Keys;
      readonly partition: Partition;
      readonly receipts: Receipts;
      /** Cuts receipts that lie in other slots than the jobs. */
      readonly expirer: ReceiptExpirer;
      /** Time to live of a receipt after its job was settled. */
      readonly settledReceiptMs: number;
      readonly logger: Logger;
    },
  ) {}

  add(job: JobToSettle): void {
    if (this.#waiting.length < MAX_WAITING) {
      this.#waiting.push(job);
    }
    this.#timer ??= setTimeout(() => void this.flush(), GATHER_MS);
  }

  /** Settles all jobs added so far. Resolves when they are settled, or could not be. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running = this.#running.then(() => this.#settleAll());
    await this.#running;
  }

  /** Tries nothing once more. What is not settled keeps its receipt for 400 days. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  async #settleAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH);
      try {
        await this.#settle(batch);
      } catch (error) {
        this.deps.logger.debug({ err: error, jobs: batch.length }, 'could not settle jobs, trying once more');
        if (this.#ended) {
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        await this.#settle(batch).catch((again: unknown) => {
          const what = 'jobs were not settled; their receipts stay for 400 days';
          this.deps.logger.warn({ err: again, jobs: batch.length }, what);
        });
      }
    }
  }

  async #settle(jobs: readonly JobToSettle[]): Promise<void> {
    const { scripts, settle, keys, partition, receipts, expirer, settledReceiptMs } = this.deps;
    const { prefix } = partition;
    const ended = keysToSettle(jobs.map(({ name: { queue, jobId }, state }) => ({ prefix, queue, jobId, state })));
    const names = jobs.map(({ name }) => name);
    const others = jobs.flatMap(({ otherName }) => otherName ?? []);
    const besides = receipts.withJobs(names, others, keys);
    const mayCut = jobs.map((job) => mayCutOf(job)).join('');
    const args = [
      Math.ceil(settledReceiptMs / 1000),
      mayCut,
      ...jobs.map(({ name }) => name.jobId),
      ...jobs.map(({ updates }) => updates),
    ];
    const cut = (await scripts.run(settle, [...ended, ...besides], args)) as string;
    const apart = jobs
      .filter((_, place) => cut[place] === '1')
      .flatMap(({ name, otherName, slots }) =>
        [name, otherName ?? []].flat().map((each) => ({ name: each, slots: receipts.apartFromJob(slots) })),
      );
    expirer.add(
      partition.slot,
      apart.filter(({ slots }) => slots.length > 0),
    );
  }
}

/** The batch that put a job back may run once more at any time, and would put it back once more. */
function mayCutOf({ name, otherName, state }: JobToSettle): '0' | '1' | '2' {
  if (state === 'failed' || isRequeued(name.jobId)) {
    return '0';
  }
  return otherName === undefined ? '1' : '2';
}
