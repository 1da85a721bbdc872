import { distinctPartitions } from '../layout/layouts.js';
import type { Layouts } from '../layout/layouts.js';
import type { Partition } from '../layout/partitions.js';
import { drainSeconds, jobsPerSecond, readQueue, summarize } from '../metrics/queue-reading.js';
import type { QueueReading, QueueSummary } from '../metrics/queue-reading.js';
import type { Finding } from '../redis/requirements.js';
import { toExactMs } from '../redis/server-time.js';
import { count, duration, ok, warning } from './finding.js';
import { allLayouts } from './layouts.js';
import type { Masters } from './masters.js';

const SUBJECT = 'queues';

/** A job that waits for longer is late. */
const LATE_MS = 60_000;

/** What waits in the queues and for how long, what failed, and what somebody has set that slows them down. */
export async function checkQueues(masters: Masters, layouts: Layouts, queues: readonly string[]): Promise<Finding[]> {
  const partitions = distinctPartitions(await allLayouts(layouts));
  const findings = await Promise.all(
    queues.map(async (queue) => {
      const readings = await Promise.all(partitions.map((partition) => read(masters, partition, queue)));
      return judge(queue, summarize(readings));
    }),
  );
  const found = findings.flat();
  return found.length > 0
    ? found
    : [ok(SUBJECT, 'nothing waits for long, none is paused or limited, no job has failed')];
}

async function read(masters: Masters, { prefix, slot }: Partition, queue: string): Promise<QueueReading | undefined> {
  const redis = masters.masterOf(slot)?.redis; // one that is down has a line of its own
  return redis && readQueue(redis, prefix, queue, toExactMs(await redis.time()));
}

function judge(queue: string, summary: QueueSummary): Finding[] {
  const { isPaused, rateLimit, concurrency, oldestWaitingAgeMs = 0, oldestFailedAgeMs = 0, jobs } = summary;
  const messages = [
    ...(isPaused === true ? ['is paused: its updates wait until somebody resumes it on the board'] : []),
    ...(rateLimit ? [`has a rate limit of ${perTime(rateLimit)} for all workers together, ${ON_BOARD}`] : []),
    ...(concurrency === undefined
      ? []
      : [`runs ${count(concurrency, 'job')} at a time at most, of all workers together, ${ON_BOARD}`]),
    ...(oldestWaitingAgeMs > LATE_MS ? [waits(summary, oldestWaitingAgeMs)] : []),
    ...((jobs?.failed ?? 0) > 0
      ? [
          `holds ${count(jobs?.failed ?? 0, 'failed job')}, the first from ${duration(oldestFailedAgeMs)} ago: retry or remove them on the board`,
        ]
      : []),
  ];
  return messages.map((message) => warning(SUBJECT, `${queue} ${message}`));
}

const ON_BOARD = 'which somebody has set on the board';

function perTime(limit: NonNullable<QueueSummary['rateLimit']>): string {
  const a = jobsPerSecond(limit) < 1 ? 60 : 1;
  return `${count(Number((jobsPerSecond(limit) * a).toFixed(2)), 'job')} a ${a === 1 ? 'second' : 'minute'}`;
}

function waits(summary: QueueSummary, ageMs: number): string {
  const { updatesWaiting, jobs } = summary;
  const seconds = drainSeconds(summary);
  const what =
    updatesWaiting === undefined
      ? 'jobs wait'
      : `${count(updatesWaiting, 'update')} wait in ${count(jobs?.waiting ?? 0, 'job')}`;
  const drain =
    seconds === undefined ? 'none was applied in the last minute' : `at its pace they take ${duration(seconds * 1000)}`;
  return `is late: ${what}, the oldest for ${duration(ageMs)}; ${drain}`;
}
