import type { Logger } from 'pino';
import type { EndState } from '../bullmq/queue-keys.js';
import { retireJobs } from '../bullmq/scripts.js';
import { KEEP_FAILED_MS } from '../jobs/job-options.js';
import { readKept } from '../jobs/kept-outcomes.js';
import { placeOf } from '../jobs/queues.js';
import type { Partition } from '../layout/partitions.js';
import type { TallyQueue } from '../jobs/queues.js';
import type { RedisClock } from '../redis/clock.js';
import type { Connection } from '../redis/connection.js';
import { readServerFacts } from '../redis/requirements.js';
import { isClusterInMotion } from './failures.js';
import type { Script, ScriptRunner } from '../redis/scripts.js';
import { defaultBytes, levelOf } from './keep-outcomes.js';
import { promoteSkewedRetries } from './promote-skewed-retries.js';

const INTERVAL_MS = 5_000;
const MAX_PER_CALL = 1_000;

/** How many updates, and bytes, the jobs of one partition of a queue may be. */
interface Bound {
  readonly updates: number;
  readonly bytes: number;
}

/** What is asked once for all queues and partitions: for each of them it would grow with the square of their number. */
interface Round {
  /** All in which jobs of these queues may lie; none when it can't be told. */
  readonly partitions: readonly Partition[];
  /** How many bytes may be kept of each queue. */
  readonly bytes: number;
  /** By state and queue. */
  readonly bounds: Map<string, Promise<Bound>>;
}

/**
 * Keeps the queues in order: takes up jobs that a wrong clock has put off, and removes jobs that have been kept long
 * enough by Redis' clock, or are more than may be kept, oldest first. BullMQ can do so whenever a job ends, but that costs Redis 18 of 117 us for each job that it
 * completes, and in a quiet queue nothing ends and old jobs would outlive their receipts.
 */
export class Janitor {
  readonly #timer: NodeJS.Timeout;
  readonly #told = new Set<string>();
  #cleaning: Promise<void> | undefined;
  #largestDefaultBytes = 0;

  constructor(
    private readonly queues: readonly TallyQueue[],
    private readonly deps: {
      readonly redis: Connection;
      readonly clock: RedisClock;
      readonly scripts: ScriptRunner;
      readonly retire: Script;
      readonly keepOutcomes: { readonly ms: number; readonly updates: number; readonly bytes?: number | undefined };
      /** All partitions in which jobs of these queues may lie, also those that others serve. */
      readonly partitions: () => Promise<readonly Partition[]>;
      readonly logger: Logger;
    },
  ) {
    this.#timer = setInterval(() => void this.clean(), INTERVAL_MS);
    this.#timer.unref();
  }

  /** Resolves when all is in order, or could not be brought to it. */
  clean(): Promise<void> {
    this.#cleaning ??= this.#clean().finally(() => {
      this.#cleaning = undefined;
    });
    return this.#cleaning;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #clean(): Promise<void> {
    let begun: Promise<Round> | undefined;
    for (const queue of this.queues) {
      try {
        await this.#takeUp(queue);
        const round = await (begun ??= this.#begin());
        await this.#retire(queue, 'completed', this.deps.keepOutcomes.ms, round);
        await this.#retire(queue, 'failed', KEEP_FAILED_MS, round);
      } catch (error) {
        const what = 'could not bring the queue in order, trying again soon';
        this.deps.logger.debug({ err: error, queue: queue.name }, what);
      }
    }
  }

  async #begin(): Promise<Round> {
    const { keepOutcomes, partitions } = this.deps;
    const { bytes = await this.#defaultBytes() } = keepOutcomes;
    return {
      partitions: await partitions().catch((error: unknown) => this.#unlessAway(error, [])),
      bytes,
      bounds: new Map(),
    };
  }

  /** While a master of a Cluster is away, what lies on the others goes by its age, and by what may be kept in all. */
  #unlessAway<Otherwise>(error: unknown, otherwise: Otherwise): Otherwise {
    if (this.deps.redis.isCluster && isClusterInMotion(error)) {
      return otherwise;
    }
    throw error;
  }

  async #takeUp(queue: TallyQueue): Promise<void> {
    const { redis, clock, logger } = this.deps;
    const takenUp = await promoteSkewedRetries(queue, redis, clock.latestAt(performance.now()));
    if (takenUp.length > 0) {
      const what = "took up jobs whose retry was put off by more than any backoff: a worker's clock is ahead";
      logger.warn({ queue: queue.name, jobs: takenUp.length, jobId: takenUp[0] }, what);
    }
  }

  async #retire(queue: TallyQueue, state: EndState, ageMs: number, round: Round): Promise<void> {
    const limits = { ageMs, ...(await this.#boundOf(queue, state, round)), looks: MAX_PER_CALL };
    let looked: number;
    let early = 0;
    do {
      const retired = await retireJobs(this.deps, placeOf(queue), state, limits);
      looked = retired.looked;
      early += retired.early;
    } while (looked >= MAX_PER_CALL);
    if (early > 0) {
      this.#tell(queue, state);
    }
  }

  #boundOf({ name }: TallyQueue, state: EndState, round: Round): Promise<Bound> {
    const which = `${state} ${name}`;
    const whole = { updates: this.deps.keepOutcomes.updates, bytes: round.bytes };
    const bound =
      round.bounds.get(which) ??
      this.#readBound(name, state, round).catch((error: unknown) => this.#unlessAway(error, whole));
    round.bounds.set(which, bound);
    return bound;
  }

  /** The partitions of a queue share what may be kept of it: what one leaves free is for the others. */
  async #readBound(queue: string, state: EndState, { partitions, bytes }: Round): Promise<Bound> {
    const { redis, keepOutcomes } = this.deps;
    const { updates } = keepOutcomes;
    if (partitions.length < 2) {
      return { updates, bytes };
    }
    const kept = await Promise.all(partitions.map(({ prefix }) => readKept(redis, { prefix, queue }, state)));
    const share = (of: keyof Bound, max: number) =>
      Math.min(
        max,
        levelOf(
          kept.map((each) => each[of]),
          max,
        ),
      );
    return { updates: share('updates', updates), bytes: share('bytes', bytes) };
  }

  /** The largest so far: a limit that is lowered for a moment makes nobody forget what was kept. */
  async #defaultBytes(): Promise<number> {
    const asked = this.deps.redis.masters().map(async (master) => {
      try {
        return [await readServerFacts(master)];
      } catch (error) {
        return this.#unlessAway(error, []);
      }
    });
    const facts = (await Promise.all(asked)).flat();
    this.#largestDefaultBytes = Math.max(
      this.#largestDefaultBytes,
      defaultBytes(facts.map(({ maxmemoryBytes }) => maxmemoryBytes)),
    );
    return this.#largestDefaultBytes;
  }

  #tell({ name }: TallyQueue, state: EndState): void {
    const what = `${state} ${name}`;
    if (!this.#told.has(what)) {
      this.#told.add(what);
      const advice = 'raise TALLY_KEEP_OUTCOMES_BYTES or TALLY_KEEP_OUTCOMES_UPDATES, if Redis has the memory';
      this.deps.logger.warn({ queue: name }, `outcomes of ${state} updates are forgotten before their time: ${advice}`);
    }
  }
}
