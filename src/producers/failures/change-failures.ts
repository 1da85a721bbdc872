import { setTimeout } from 'node:timers/promises';
import { removeEnded } from '../../bullmq/scripts.js';
import { openQueue } from '../../jobs/queues.js';
import type { TallyQueue } from '../../jobs/queues.js';
import { toMs } from '../../redis/server-time.js';
import { ChangeRecord } from './change-record.js';
import type { ChangedJob } from './change-record.js';
import { updatesIn } from './failed-job.js';
import type { FailedJob } from './failed-job.js';
import { newLook, readFailures } from './read-failures.js';
import { GIVES_BACK, isUpkeep } from '../../operations/reservations.js';
import type { FailureQuestion, FailureSource } from './read-failures.js';
import { retryJobs } from './retry-all.js';

/** How much is meant, was done, or is left. */
interface FailureCount {
  readonly updates: number;
  readonly jobs: number;
}

/** What would be done, and until when: given back as `untilMs`, what fails meanwhile is not done as well. */
export interface PlannedChange {
  readonly matched: FailureCount;
  /** What is not removed, see {@link removable}: none of it is among those matched. */
  readonly kept: FailureCount;
  /** In ms, by Redis' clock. */
  readonly untilMs: number;
  /** What is wrong with masters that are left out, in words. */
  readonly faults: readonly string[];
}

export interface DoneChange extends PlannedChange {
  readonly done: FailureCount;
  /** Of what was meant, what has failed a moment later: again, or still, as it could not be changed. */
  readonly left: FailureCount;
  /** What it was done to. */
  readonly changed: readonly ChangedJob[];
}

/** How long those that are tried again get: what fails at once is told of. */
const TRIED_FOR_MS = 1_000;

/** Counts what would be retried, and does nothing. */
export async function planRetry(source: FailureSource, question: FailureQuestion): Promise<PlannedChange> {
  return (await plan(source, question)).planned;
}

/** Counts what would be removed, and does nothing. */
export async function planRemoval(source: FailureSource, question: FailureQuestion): Promise<PlannedChange> {
  const { question: meant, kept } = removable(question);
  const { planned } = await plan(source, meant);
  return { ...planned, kept: countOf([...kept.values()]) };
}

interface Removable {
  readonly question: FailureQuestion;
  readonly kept: Map<string, ChangedJob>;
}

/** What a question means but for what gives back reservations, which can be retried only: that is `kept` when it was read. */
export function removable(question: FailureQuestion): Removable {
  const kept: Removable['kept'] = new Map();
  const isVisible = (job: FailedJob) => {
    if (question.isVisible?.(job) === false) {
      return false;
    }
    if (isUpkeep(job.operation)) {
      kept.set(nameOf(job), { ...job, updates: updatesIn(job) });
      return false;
    }
    return true;
  };
  return { question: { ...question, isVisible }, kept };
}

/** What is said of those that are kept; undefined when there are none. */
export function keptWords({ updates }: FailureCount): string | undefined {
  return updates === 0 ? undefined : `${updates} more can be retried, but not removed: ${GIVES_BACK}`;
}

/**
 * Has all failed jobs that are meant tried again, also those that another program completed: each takes effect once at most.
 *
 * @param record is told of each page of them, whatever fails then
 */
export function retryFailures(
  source: FailureSource,
  question: FailureQuestion,
  record = new ChangeRecord(),
): Promise<DoneChange> {
  const retry: ChangeJobs = ({ redis, logger }, { queue: name, prefix, state }, jobs) =>
    withQueue(openQueue(name, prefix, redis, logger), (queue) =>
      retryJobs(
        queue,
        state,
        jobs.map(({ jobId }) => jobId),
      ),
    );
  return change(source, question, record, retry, TRIED_FOR_MS);
}

/** Removes all failed jobs that are meant. Nothing knows of their updates any more. @param record as in {@link retryFailures} */
export async function removeFailures(
  source: FailureSource,
  question: FailureQuestion,
  record = new ChangeRecord(),
): Promise<DoneChange> {
  const { question: meant, kept } = removable(question);
  const remove: ChangeJobs = ({ redis }, { queue, prefix, state }, jobs) =>
    removeEnded(redis, { prefix, queue }, state, jobs);
  const done = await change(source, meant, record, remove);
  return { ...done, kept: countOf([...kept.values()]) };
}

/** Of a job that is meant, what it takes to change it: there may be many. */
interface MeantJob extends ChangedJob {
  readonly endedAtMs: number;
}

/** Where jobs lie that are changed together. */
interface MeantPlace {
  readonly queue: string;
  readonly prefix: string;
  readonly state: FailedJob['state'];
}

/** Does something to jobs of one place. @returns whether it is done to each; false for one that has gone on meanwhile */
type ChangeJobs = (source: FailureSource, place: MeantPlace, jobs: readonly MeantJob[]) => Promise<boolean[]>;

async function change(
  source: FailureSource,
  question: FailureQuestion,
  record: ChangeRecord,
  act: ChangeJobs,
  waitMs = 0,
): Promise<DoneChange> {
  const { planned, places } = await plan(source, question);
  for (const { place, jobs } of places) {
    await record.change(jobs, (page) => act(source, place, page));
  }
  const { changed } = record;
  await setTimeout(changed.length === 0 ? 0 : waitMs);
  const meant = new Set(jobsOf(places).map(nameOf));
  const { untilMs: _, ...anytime } = question;
  const { places: now } = await plan(source, { ...anytime, filter: {} }); // the reason may be another one now
  const left = countOf(jobsOf(now).filter((job) => meant.has(nameOf(job))));
  return { ...planned, done: countOf(changed), left, changed };
}

function jobsOf(places: readonly { readonly jobs: readonly MeantJob[] }[]): MeantJob[] {
  return places.flatMap(({ jobs }) => jobs);
}

function nameOf({ queue, jobId }: Pick<ChangedJob, 'queue' | 'jobId'>): string {
  return `${queue} ${jobId}`;
}

async function plan(source: FailureSource, question: FailureQuestion) {
  const look = newLook();
  const nowMs = toMs(await source.redis.time());
  const places = new Map<string, { place: MeantPlace; jobs: MeantJob[] }>();
  for await (const job of readFailures(source, question, look)) {
    const { queue, partition, jobId, operation, state, endedAtMs } = job;
    const id = `${state} ${partition.prefix} ${queue}`;
    const here = places.get(id) ?? { place: { queue, prefix: partition.prefix, state }, jobs: [] };
    places.set(id, here);
    here.jobs.push({ queue, jobId, operation, endedAtMs, updates: updatesIn(job) });
  }
  const untilMs = question.untilMs ?? Math.max(nowMs, look.latestMs);
  const all = [...places.values()];
  const planned: PlannedChange = {
    matched: countOf(jobsOf(all)),
    kept: { updates: 0, jobs: 0 },
    untilMs,
    faults: [...look.faults],
  };
  return { planned, places: all };
}

export function countOf(jobs: readonly ChangedJob[]): FailureCount {
  return { updates: jobs.reduce((sum, { updates }) => sum + updates, 0), jobs: jobs.length };
}

async function withQueue<Answer>(queue: TallyQueue, ask: (queue: TallyQueue) => Promise<Answer>): Promise<Answer> {
  try {
    return await ask(queue);
  } finally {
    await queue.close();
  }
}
