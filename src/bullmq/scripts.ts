import type { Job } from 'bullmq';
import { luaSource } from '../redis/lua-source.js';
import type { RedisClient } from '../redis/connection.js';
import { createScript } from '../redis/scripts.js';
import type { Script, ScriptRunner } from '../redis/scripts.js';
import { jobKey, jobLockKey, jobSetKey } from './queue-keys.js';
import type { EndState, QueuePlace } from './queue-keys.js';

/** The script that marks completed jobs, see `lua/settle.lua`. */
export function settleScript(): Script {
  return createScript('settle', luaSource('kept-bytes') + luaSource('settle'));
}

/** The script that removes jobs which were kept long enough, see `lua/retire.lua`. */
export function retireScript(): Script {
  return createScript('retire', luaSource('kept-bytes') + luaSource('remove-job') + luaSource('retire'));
}

export interface EndedJob extends QueuePlace {
  readonly jobId: string;
  readonly state: EndState;
}

/** The keys of jobs that `lua/settle.lua` takes first. */
export function keysToSettle(jobs: readonly EndedJob[]): string[] {
  return [...jobs.map((job) => jobKey(job, job.jobId)), ...jobs.map((job) => jobSetKey(job, job.state))];
}

/** What is kept of the jobs of a queue that ended in one way. */
export interface RetireLimits {
  /** How long a job is kept, in ms. */
  readonly ageMs: number;
  /** How many updates are kept. */
  readonly updates: number;
  /** How many bytes of Redis' memory they may take. */
  readonly bytes: number;
  /** How many jobs to look at, in this call. */
  readonly looks: number;
}

/**
 * Removes jobs that ended in a way and were kept for long enough, or are more than may be kept, the oldest first.
 *
 * @returns how many were looked at, and how many were removed because there were too many
 */
export async function retireJobs(
  { scripts, retire }: { readonly scripts: ScriptRunner; readonly retire: Script },
  place: QueuePlace,
  state: EndState,
  { ageMs, updates, bytes, looks }: RetireLimits,
): Promise<{ looked: number; early: number }> {
  const keys = [jobSetKey(place, state)];
  const args = [jobKey(place, ''), ageMs, updates, bytes, looks];
  const [looked, early] = (await scripts.run(retire, keys, args)) as [number, number];
  return { looked, early };
}

/** A job as it was read, and the data to be put in place of its own. */
export interface ChangedJob {
  readonly jobId: string;
  readonly state: 'failed' | 'waiting';
  readonly before: string;
  readonly after: string;
}

/** @returns false when the job is not as it was read any more, so that nothing was written, see `lua/readmit.lua` */
export async function replaceData(
  redis: RedisClient,
  place: QueuePlace,
  { jobId, state, before, after }: ChangedJob,
): Promise<boolean> {
  const keys = [jobKey(place, jobId), jobSetKey(place, 'failed'), jobLockKey(place, jobId)];
  return (await redis.eval(luaSource('readmit'), keys.length, ...keys, jobId, state, before, after)) === 1;
}

/** Notes when a job was sent that does not say so, unless another attempt has it by now, see `lua/note-stamp.lua`. */
export async function noteStamp(redis: RedisClient, place: QueuePlace, job: Job, stamp: object): Promise<void> {
  const keys = [jobKey(place, job.id ?? ''), jobLockKey(place, job.id ?? '')];
  await redis.eval(luaSource('note-stamp'), keys.length, ...keys, job.token ?? '', JSON.stringify(stamp));
  job.progress = stamp;
}

const FOREIGN_AT_ONCE = 1_000;

/** Completed jobs that Tally did not complete, see `lua/find-foreign.lua`. */
interface ForeignJobs {
  /** The latest first; when they ended is in ms. */
  readonly jobs: readonly { readonly jobId: string; readonly endedAtMs: number }[];
  /** Whether all completed jobs were looked at. */
  readonly isWhole: boolean;
}

/** @param most completed jobs to look at, the latest first */
export async function findForeign(redis: RedisClient, place: QueuePlace, most: number): Promise<ForeignJobs> {
  const [key, start] = [jobSetKey(place, 'completed'), jobKey(place, '')];
  const jobs = new Map<string, number>();
  for (let offset = 0; offset < most; offset += FOREIGN_AT_ONCE) {
    const args = [start, offset, FOREIGN_AT_ONCE];
    const [looked, ...found] = (await redis.eval(luaSource('find-foreign'), 1, key, ...args)) as [number, ...string[]];
    for (let index = 0; index < found.length; index += 2) {
      jobs.set(found[index] ?? '', Number(found[index + 1]));
    }
    if (looked < FOREIGN_AT_ONCE) {
      return { jobs: [...jobs].map(([jobId, endedAtMs]) => ({ jobId, endedAtMs })), isWhole: true };
    }
  }
  return { jobs: [...jobs].map(([jobId, endedAtMs]) => ({ jobId, endedAtMs })), isWhole: false };
}

/** A job that has ended, as it was read. */
interface ReadEndedJob {
  readonly jobId: string;
  readonly endedAtMs: number;
}

/** Removes jobs that have ended in one way. @returns whether each was removed; one that is not as it was read any more is not */
export async function removeEnded(
  redis: RedisClient,
  place: QueuePlace,
  state: EndState,
  jobs: readonly ReadEndedJob[],
): Promise<boolean[]> {
  const args = [jobKey(place, ''), ...jobs.flatMap(({ jobId, endedAtMs }) => [jobId, endedAtMs])];
  const script = luaSource('remove-job') + luaSource('remove-ended');
  const done = (await redis.eval(script, 1, jobSetKey(place, state), ...args)) as string;
  return Array.from(done, (each) => each === '1');
}

/** How many jobs ended in one way until a time. @param untilMs by the scores of BullMQ's sorted set */
export function countEnded(redis: RedisClient, place: QueuePlace, state: EndState, untilMs: number): Promise<number> {
  return redis.zcount(jobSetKey(place, state), '-inf', untilMs);
}

/** Removes jobs that wait in one way. @returns whether each was removed; one that a worker has taken is not */
export async function removeWaiting(
  redis: RedisClient,
  place: QueuePlace,
  set: 'waiting' | 'prioritized' | 'delayed',
  jobIds: readonly string[],
): Promise<boolean[]> {
  const script = luaSource('remove-job') + luaSource('remove-waiting');
  const kind = set === 'waiting' ? 'list' : 'zset';
  const done = (await redis.eval(script, 1, jobSetKey(place, set), jobKey(place, ''), kind, ...jobIds)) as string;
  return Array.from(done, (each) => each === '1');
}
