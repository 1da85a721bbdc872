import { openStore } from '../src/layout/store.js';
import { reportQueues } from '../src/metrics/queue-report.js';
import type { QueueReport } from '../src/metrics/queue-report.js';
import { createRegistry } from '../src/operations/registry.js';
import { connectionOptions, createContext, findRedis } from './context.js';

const TIMEOUT_MS = 5_000;

export interface QueuesFlags {
  readonly json?: true;
}

/** `tally queues`: what waits, for how long, and what failed. */
export async function listQueues({ json }: QueuesFlags): Promise<void> {
  const context = createContext(process.stderr);
  const options = connectionOptions(context, findRedis(context));
  const store = openStore({ ...options, connectionName: 'tally-queues', timeoutMs: TIMEOUT_MS });
  try {
    const { queues } = createRegistry(context.operations);
    const report = await reportQueues({ ...store, prefix: options.prefix, queues });
    if (json) {
      console.log(JSON.stringify({ queues: report }));
    } else {
      for (const queue of report) {
        console.log(lineOf(queue));
      }
    }
  } finally {
    store.close();
  }
}

function lineOf(report: QueueReport): string {
  const { queue, updatesWaiting, jobs, oldestWaitingSeconds, drainSeconds, updatesPerSecond, workers } = report;
  const parts = [
    `${shown(updatesWaiting)} updates wait in ${shown(jobs?.waiting)} jobs`,
    ...(updatesWaiting === 0 ? [] : [`the oldest for ${shown(oldestWaitingSeconds)} s`]),
    `${shown(updatesPerSecond)} a second`,
    ...(updatesWaiting === 0 ? [] : [`done in ${shown(drainSeconds)} s`]),
    `${shown(workers)} workers`,
    ...((report.foreignWorkers ?? 0) > 0 ? [`${shown(report.foreignWorkers)} of other programs`] : []),
    ...(report.paused === true ? ['paused'] : []),
    ...(report.rateLimit ? [`limited to ${report.rateLimit.jobs} jobs in ${report.rateLimit.perMs} ms`] : []),
    ...(report.concurrencyLimit === null ? [] : [`limited to ${report.concurrencyLimit} jobs at a time`]),
    ...((jobs?.failed ?? 0) > 0 ? [failed(report)] : []),
  ];
  return `${queue}: ${parts.join(', ')}`;
}

function failed({ jobs, oldestFailedSeconds, failedFor }: QueueReport): string {
  const reasons = failedFor.map(({ reason, jobs: count }) => `${count} ${reason}`);
  return `${shown(jobs?.failed)} failed jobs, the first ${shown(oldestFailedSeconds)} s ago (${reasons.join(', ')})`;
}

function shown(value: number | null | undefined): string {
  return value === null || value === undefined ? '?' : value.toLocaleString('en', { maximumFractionDigits: 1 });
}
