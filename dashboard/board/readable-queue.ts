import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { Job } from 'bullmq';
import type { Logger } from 'pino';
import { findForeign } from '../../src/bullmq/scripts.js';
import { WORKER_NAME_SEPARATOR } from '../../src/bullmq/worker-names.js';
import type { ConnectedWorkers } from '../../src/metrics/connected-workers.js';
import type { Connection } from '../../src/redis/connection.js';
import type { MasterProbe } from '../../src/redis/master-probe.js';
import type { Registry } from '../../src/operations/registry.js';
import { updateId } from '../../src/jobs/job-id.js';
import { GROUP_DELIMITER } from './board-name.js';
import { describeJob } from './formatters.js';
import { findLink } from '../cells/links.js';
import { unlessGone } from '../master-unreachable.js';
import { wordsOfShown } from './words.js';
import type { ShownQueue } from './shown-queues.js';

/** Reads who is connected, once for all queues that ask at a time. */
export type ReadWorkers = () => Promise<ConnectedWorkers>;

/** What queues on the board have in common. */
export interface BoardDeps {
  readonly redis: Connection;
  readonly masters: MasterProbe;
  readonly readWorkers: ReadWorkers;
  readonly logger: Logger;
}

/**
 * A queue as the board shows it. The board's own formatters get a job's data or its return value, but an outcome
 * can't be read without both. What the board shows of a job it takes from `toJSON`, and from nothing else; so
 * that is what is made readable here, while everything that acts on a job keeps its true data.
 */
export class ReadableQueue extends BullMQAdapter {
  /**
   * Hides the buttons; `refuseAction` refuses the requests. The board still offers to retry what somebody else completed,
   * since `describeJob` says of it that it failed.
   */
  override readonly allowCompletedRetries = false;

  constructor(
    private readonly shown: ShownQueue,
    private readonly registry: Registry,
    readOnlyMode: boolean,
    private readonly deps: BoardDeps,
  ) {
    super(shown.queue, {
      ...wordsOfShown(shown, registry),
      ...(shown.boardName.includes(GROUP_DELIMITER) && { delimiter: GROUP_DELIMITER }),
      allowRetries: !readOnlyMode,
      readOnlyMode,
      externalJobUrl: ({ id }) => ({ displayText: 'Keys', href: findLink(updateId(String(id), 0)) }),
    });
  }

  override getName(): string {
    return this.shown.boardName;
  }

  /** The board asks for each queue at each refresh; BullMQ would list all clients for each. */
  override async getWorkers(): ReturnType<BullMQAdapter['getWorkers']> {
    const { queue, partition } = this.shown;
    const workers = (await this.deps.readWorkers()).of(queue.name, partition);
    return this.normalizeWorkers([...workers], WORKER_NAME_SEPARATOR);
  }

  /** The first that is asked of a queue. Its master may become unreachable since it was looked for. */
  override async getJobCounts(): ReturnType<BullMQAdapter['getJobCounts']> {
    const { partition, boardName } = this.shown;
    return unlessGone(this.deps.masters, partition.prefix, boardName, super.getJobCounts());
  }

  /** How many of its completed jobs another program has completed. */
  async countForeign(): Promise<number> {
    const { queue, partition } = this.shown;
    const place = { prefix: partition.prefix, queue: queue.name };
    return (await findForeign(this.deps.redis, place, Number.POSITIVE_INFINITY)).jobs.length;
  }

  override async getJob(id: string): Promise<Job | undefined> {
    const job = await super.getJob(id);
    return job === undefined ? undefined : this.#readable(job);
  }

  override async getJobs(...range: Parameters<BullMQAdapter['getJobs']>): Promise<Job[]> {
    const jobs = await super.getJobs(...range);
    return jobs.map((job) => this.#readable(job, reasonsOf));
  }

  #readable(job: Job, stacksShown = (stacks: readonly string[]) => stacks): Job {
    const toJSON = job.toJSON.bind(job);
    const described = () => {
      const { stacktrace, ...rest } = describeJob(job, this.registry);
      return { ...toJSON(), ...rest, stacktrace: stacksShown(stacktrace) };
    };
    return Object.defineProperty(job, 'toJSON', { value: described });
  }
}

/** In a list of jobs, what each attempt says, once: the stacks, of Tally's own files, stand on the page of the job. */
function reasonsOf(stacks: readonly string[]): string[] {
  return [...new Set(stacks.map((stack) => stack.split('\n', 1)[0] ?? ''))];
}
