import type { Finding } from '../../src/redis/requirements.js';
import type { QueueReport } from '../../src/metrics/queue-report.js';
import type { WebhooksReading } from '../../src/jobs/webhook-reading.js';
import { countWords, durationWords } from '../words.js';
import { judgeWebhooks } from './judge-webhooks.js';
import type { Trouble } from './trouble.js';

export interface JudgedState {
  readonly queues: readonly QueueReport[];
  /** What is wrong with masters of a Cluster, in words. */
  readonly faults: readonly string[];
  readonly servers: readonly { readonly usedMemoryBytes: number; readonly maxmemoryBytes: number }[];
  /** Updates that failed within the last hour. */
  readonly failedInHour: number;
  /** Workers that an operator has told to take no jobs. */
  readonly quietWorkers: number;
  /** Undefined where there are none. */
  readonly webhooks: WebhooksReading | undefined;
  readonly findings: readonly Finding[];
}

/** What waits for longer than this keeps somebody waiting. */
const LONG_WAIT_SECONDS = 60;

/** As the alert has it. */
const FULL_SHARE = 0.85;

/** Why Tally is not healthy, the worst first; none when it is. */
export function judge(state: JudgedState): Trouble[] {
  const { faults, servers, failedInHour, quietWorkers, findings } = state;
  const troubles: Trouble[] = [
    ...faults.map((words): Trouble => ({ level: 'error', words, runbook: 'TallyRedisDown' })),
    ...findings.flatMap(({ level, subject, message }): Trouble[] =>
      level === 'error' ? [{ level, words: `${subject}: ${message}` }] : [],
    ),
    ...state.queues.flatMap(judgeQueue),
    ...servers.flatMap(({ usedMemoryBytes, maxmemoryBytes }): Trouble[] => {
      const share = maxmemoryBytes === 0 ? 0 : usedMemoryBytes / maxmemoryBytes;
      const words = `Redis uses ${Math.round(share * 100)} % of the memory that it may: at 100 % it refuses updates`;
      return share < FULL_SHARE ? [] : [{ level: share < 1 ? 'warning' : 'error', words, runbook: 'TallyRedisMemory' }];
    }),
  ];
  if (failedInHour > 0) {
    const words = `${countWords(failedInHour, 'update')} failed within the last hour`;
    troubles.push({ level: 'warning', words, runbook: 'TallyUpdatesFail' });
  }
  troubles.push(...judgeWebhooks(state.webhooks));
  if (quietWorkers > 0) {
    const words = `${countWords(quietWorkers, 'worker')} told to take no jobs`;
    troubles.push({ level: 'warning', words });
  }
  return [...troubles.filter(({ level }) => level === 'error'), ...troubles.filter(({ level }) => level === 'warning')];
}

function judgeQueue(report: QueueReport): Trouble[] {
  const { queue, workers, foreignWorkers, paused, rateLimit, concurrencyLimit, jobs } = report;
  const waiting = jobs?.waiting ?? 0;
  const waits = report.oldestWaitingSeconds ?? 0;
  const isStill = workers === 0 || paused === true;
  const what = waiting === 0 ? '' : `, and ${countWords(report.updatesWaiting ?? waiting, 'update')} wait`;
  return [
    ...(workers === 0
      ? [trouble(waiting > 0 ? 'error' : 'warning', `no worker serves ${queue}${what}`, 'TallyNoWorkers')]
      : []),
    ...(paused === true
      ? [trouble(waiting > 0 ? 'error' : 'warning', `${queue} is paused${what}`, 'TallyQueuePaused')]
      : []),
    ...(!isStill && waits > LONG_WAIT_SECONDS
      ? [
          trouble(
            'error',
            `the oldest update of ${queue} has waited for ${durationWords(waits * 1000)}${what}`,
            'TallyJobsWaitTooLong',
          ),
        ]
      : []),
    ...(rateLimit === null
      ? []
      : [
          trouble(
            'warning',
            `${queue} is limited to ${countWords(rateLimit.jobs, 'job')} in ${rateLimit.perMs} ms`,
            'TallyQueueLimited',
          ),
        ]),
    ...(concurrencyLimit === null
      ? []
      : [
          trouble(
            'warning',
            `${queue} is limited to ${countWords(concurrencyLimit, 'job')} at a time`,
            'TallyQueueLimited',
          ),
        ]),
    ...((foreignWorkers ?? 0) > 0
      ? [
          trouble(
            'error',
            `${countWords(foreignWorkers ?? 0, 'worker')} of another program take jobs of ${queue}, which are not applied`,
            'TallyForeignWorkers',
          ),
        ]
      : []),
  ];
}

function trouble(level: Trouble['level'], words: string, runbook: string): Trouble {
  return { level, words, runbook };
}
