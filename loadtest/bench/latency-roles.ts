import { build } from 'hdr-histogram-js';
import { pino } from 'pino';
import { createProducer } from '../../src/index.js';
import { connectPlainly } from '../plain-bullmq/connect-plainly.js';
import { JobEnds } from '../plain-bullmq/job-ends.js';
import { openPlainQueue } from '../plain-bullmq/queue.js';
import type { Percentiles } from './latency.js';
import { keyName } from './workload.js';
import type { RoleTask, RunningRole } from './roles.js';

type LatencyTask = Extract<RoleTask, { role: 'plain-latency' | 'tally-latency' }>;

const TICK_MS = 1;
/** Added, waiting, active, completed: all are kept, or a listener that falls behind would wait for one that is gone. */
const EVENTS_OF_A_JOB = 4;
/** Both sides stumble while their code is young: at 1,000/s it takes them seconds to be compiled. Not counted. */
const WARM_UP_MS = 5_000;

/**
 * Sends at a fixed rate, whatever the answers do (open loop), and reckons each from the moment at which it was due:
 * a stall shows in all that had to wait for it.
 */
async function openLoop({ updates, perSecond }: LatencyTask, send: () => Promise<unknown>): Promise<Percentiles> {
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600_000_000,
    numberOfSignificantValueDigits: 3,
  });
  const startedAt = performance.now();
  const answers: Promise<void>[] = [];
  const sendDue = () => {
    const due = Math.min(updates, Math.floor(((performance.now() - startedAt) / 1000) * perSecond));
    while (answers.length < due) {
      const dueAt = startedAt + (answers.length / perSecond) * 1000;
      answers.push(
        send().then(() => {
          if (dueAt - startedAt > WARM_UP_MS) {
            histogram.recordValue(Math.round((performance.now() - dueAt) * 1000));
          }
        }),
      );
    }
  };
  while (answers.length < updates) {
    sendDue();
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await Promise.all(answers);
  return { p50Ms: histogram.getValueAtPercentile(50) / 1000, p99Ms: histogram.getValueAtPercentile(99) / 1000 };
}

function randomKey(keys: number): string {
  return keyName(Math.floor(Math.random() * keys));
}

/** Plain BullMQ: add a job, and hear of its completion from one listener for all. */
export async function runPlainLatency(task: LatencyTask): Promise<RunningRole> {
  const connection = connectPlainly(task.redisUrl, { maxRetriesPerRequest: null });
  const queue = openPlainQueue(connection, { keptEvents: EVENTS_OF_A_JOB * task.updates });
  const ends = new JobEnds(task.redisUrl);
  await Promise.all([queue.waitUntilReady(), ends.ready()]);
  let sent = 0;
  const send = async () => {
    sent += 1;
    const jobId = `job-${sent}`;
    const end = ends.follow(jobId);
    await queue.add('increment', { key: randomKey(task.keys), by: 1 }, { jobId });
    await end;
  };
  return {
    work: () => openLoop(task, send),
    close: async () => {
      await ends.close();
      await queue.close();
      connection.disconnect();
    },
  };
}

/** Tally: submit, and wait for the outcome. */
export function runTallyLatency(task: LatencyTask): Promise<RunningRole> {
  const producer = createProducer({ redis: task.redisUrl, logger: pino({ level: 'error' }, pino.destination(2)) });
  const send = async () => {
    const submission = await producer.counters.increment({ key: randomKey(task.keys) });
    return submission.outcome();
  };
  return Promise.resolve({ work: () => openLoop(task, send), close: () => producer.close() });
}
