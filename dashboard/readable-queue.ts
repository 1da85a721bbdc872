import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { Job } from 'bullmq';
import type { TallyQueue } from '../src/jobs/queues.js';
import type { Registry } from '../src/operations/registry.js';
import { updateId } from '../src/jobs/job-id.js';
import { describeJob } from './formatters.js';
import { findLink } from './keys/paths.js';
import { describeQueue } from './queue-words.js';

/**
 * A queue as the board shows it. The board's own formatters get a job's data or its return value, but an outcome
 * can't be read without both. What the board shows of a job it takes from `toJSON`, and from nothing else; so
 * that is what is made readable here, while everything that acts on a job keeps its true data.
 */
export class ReadableQueue extends BullMQAdapter {
  /** Hides the buttons; `refuseAction` refuses the requests. */
  override readonly allowCompletedRetries = false;

  constructor(
    queue: TallyQueue,
    private readonly registry: Registry,
    readOnlyMode: boolean,
  ) {
    super(queue, {
      ...describeQueue(queue.name, registry),
      ...{ allowRetries: !readOnlyMode, readOnlyMode },
      externalJobUrl: ({ id }) => ({ displayText: 'Keys', href: findLink(updateId(String(id), 0)) }),
    });
  }

  override async getJob(id: string): Promise<Job | undefined> {
    const job = await super.getJob(id);
    return job === undefined ? undefined : this.#readable(job);
  }

  override async getJobs(...range: Parameters<BullMQAdapter['getJobs']>): Promise<Job[]> {
    const jobs = await super.getJobs(...range);
    return jobs.map((job) => this.#readable(job));
  }

  #readable(job: Job): Job {
    const toJSON = job.toJSON.bind(job);
    return Object.defineProperty(job, 'toJSON', {
      value: () => ({ ...toJSON(), ...describeJob(job, this.registry) }),
    });
  }
}
