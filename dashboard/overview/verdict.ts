import type { Finding } from '../../src/redis/requirements.js';
import type { QueueReport } from '../../src/metrics/queue-report.js';
import type { ServerFacts } from '../../src/redis/server-facts.js';
import type { WebhooksReading } from '../../src/jobs/webhook-reading.js';
import { countWords, durationWords, exactWords, listWords } from '../words.js';
import { judgeWebhooks } from './judge-webhooks.js';
import { judgeProcesses } from './judge-processes.js';
import type { JudgedProcess } from './judge-processes.js';
import type { OperatorActions } from './operator-actions.js';
import { trouble } from './trouble.js';
import type { Trouble } from './trouble.js';

/** A master that refuses writes, with Redis' own code. */
export interface Refused {
  readonly node: string;
  readonly code: string;
}

type JudgedServer = Pick<
  ServerFacts,
  'usedMemoryBytes' | 'maxmemoryBytes' | 'appendOnlyFails' | 'rewriteFails' | 'snapshotFails'
> & { readonly node: string };

export interface JudgedState {
  readonly queues: readonly QueueReport[];
  /** What is wrong with masters of a Cluster, in words. */
  readonly faults: readonly string[];
  readonly servers: readonly JudgedServer[];
  /** With what masters refuse writes. */
  readonly refusals: readonly Refused[];
  /** Whether Redis has lost what Tally kept in it. */
  readonly isLost: boolean;
  /** Of subscribers, and how far they are behind. */
  readonly groups: readonly { readonly name: string; readonly behindMs: number; readonly lag: number }[];
  readonly processes: readonly JudgedProcess[];
  /** Updates that have failed and were neither retried nor removed. */
  readonly failedUpdates: number;
  /** Updates that failed within the last hour, whatever became of them since. */
  readonly failedInHour: number;
  /** Workers that an operator has told to take no jobs. */
  readonly quietWorkers: number;
  /** Queues of which all workers are told so. */
  readonly quietQueues: readonly string[];
  readonly schedules: readonly { readonly id: string; readonly paused: boolean; readonly nextRunAt?: Date }[];
  /** Undefined where there are none. */
  readonly webhooks: WebhooksReading | undefined;
  readonly findings: readonly Finding[];
  /** Who has brought about what an operator can. */
  readonly actions: Pick<OperatorActions, 'byWhom'>;
}

/** What waits for longer than this keeps somebody waiting. */
const LONG_WAIT_SECONDS = 60;

/** As the alerts have them. */
const FULL_SHARE = 0.8;
const WINDOW_OVER = 0.5;
const BEHIND_MS = 60_000;

const LOST =
  'Redis has lost what Tally kept in it: updates that waited, receipts, users and API keys, most likely values too';

/** Why Tally is not healthy, the worst first; none when it is. */
export function judge(seen: JudgedState): Trouble[] {
  const state = seen.refusals.length === 0 ? seen : withoutEffects(seen);
  const { faults, servers, groups, webhooks, quietWorkers, findings } = state;
  const troubles: Trouble[] = [
    ...faults.map((words) => trouble('error', words, 'TallyRedisDown')),
    ...(state.isLost ? [trouble('error', LOST, 'TallyDataLost')] : []),
    ...state.refusals.map(({ node, code }) =>
      trouble(
        'error',
        `Redis at ${node} refuses all writes with ${code}: no update is accepted or applied`,
        'TallyRedisRefuses',
      ),
    ),
    ...findings.flatMap(({ level, subject, message }): Trouble[] =>
      level === 'error' ? [{ level, words: `${subject}: ${message}` }] : [],
    ),
    ...judgeStill(state),
    ...state.queues.flatMap((report) => judgeQueue(report, state)),
    ...servers.flatMap(judgeServer),
  ];
  troubles.push(...judgeFailures(state), ...judgeProcesses(state.processes), ...groups.flatMap(judgeGroup));
  troubles.push(...judgeWebhooks(webhooks));
  troubles.push(...judgeSchedules(state.schedules));
  if (quietWorkers > 0 && state.quietQueues.length === 0) {
    const words = `${countWords(quietWorkers, 'worker')} told to take no jobs${state.actions.byWhom('quiet')}`;
    troubles.push({ level: 'warning', words });
  }
  return [...troubles.filter(({ level }) => level === 'error'), ...troubles.filter(({ level }) => level === 'warning')];
}

function judgeServer(server: JudgedServer): Trouble[] {
  const { node, usedMemoryBytes, maxmemoryBytes, appendOnlyFails, rewriteFails, snapshotFails } = server;
  const share = maxmemoryBytes === 0 ? 0 : usedMemoryBytes / maxmemoryBytes;
  const unwritten = [
    appendOnlyFails || rewriteFails ? ['its append-only file'] : [],
    snapshotFails ? ['its last snapshot'] : [],
  ].flat();
  return [
    ...(unwritten.length === 0
      ? []
      : [
          trouble(
            'error',
            `Redis at ${node} could not write ${listWords(unwritten)}: if it stops now, it comes back with old data`,
            'TallyPersistenceFails',
          ),
        ]),
    ...(share < FULL_SHARE
      ? []
      : [
          trouble(
            share < 1 ? 'warning' : 'error',
            `Redis uses ${Math.round(share * 100)} % of the memory that it may: at 100 % it refuses updates`,
            'TallyRedisMemory',
          ),
        ]),
  ];
}

/** While Redis takes no writes, nothing is taken, given or handed out, and no process says that it is there: that follows, and ends with it. */
function withoutEffects(state: JudgedState): JudgedState {
  return {
    ...state,
    queues: state.queues.map((report) => ({ ...report, workers: null, oldestWaitingSeconds: null })),
    groups: [],
    webhooks: state.webhooks && { ...state.webhooks, oldestMs: 0, behindMs: 0 },
  };
}

/** What was retried since, and applied, is no trouble any more. */
function judgeFailures({ failedUpdates, failedInHour }: JudgedState): Trouble[] {
  if (failedUpdates === 0) {
    return [];
  }
  const lately = failedInHour === 0 ? '' : `, ${failedInHour.toLocaleString('en')} failed within the last hour`;
  const words = `${countWords(failedUpdates, 'failed update')} wait${failedUpdates === 1 ? 's' : ''} for a decision${lately}`;
  return [trouble('warning', words, failedInHour === 0 ? 'TallyFailedJobs' : 'TallyUpdatesFail')];
}

function judgeGroup({ name, behindMs, lag }: JudgedState['groups'][number]): Trouble[] {
  const words = `the subscribers ${name} are ${durationWords(behindMs)} behind: ${countWords(lag, 'update')} told that they have not been given`;
  return behindMs > BEHIND_MS ? [trouble('warning', words, 'TallySubscribersBehind')] : [];
}

/** Someone has removed the scheduler that makes its runs: Tally removes both. */
function judgeSchedules(schedules: JudgedState['schedules']): Trouble[] {
  const ids = schedules.filter(({ paused, nextRunAt }) => !paused && nextRunAt === undefined).map(({ id }) => id);
  const words = `what makes the runs of the ${ids.length === 1 ? 'schedule' : 'schedules'} ${listWords(ids)} was removed by something else than Tally: put ${ids.length === 1 ? 'it' : 'them'} again`;
  return ids.length === 0 ? [] : [{ level: 'warning', words }];
}

/** Why nothing of a queue is taken, those queues together for which it is the same. */
const STILL: readonly {
  readonly runbook: string;
  readonly holds: (report: QueueReport, state: JudgedState) => boolean;
  readonly words: (queues: readonly string[], actions: JudgedState['actions']) => string;
}[] = [
  {
    runbook: 'TallyNoWorkers',
    holds: ({ workers }) => workers === 0,
    words: (queues) => `no worker serves ${listWords(queues)}`,
  },
  {
    runbook: 'TallyQueuePaused',
    holds: ({ paused }) => paused === true,
    words: (queues, actions) =>
      `${listWords(queues)} ${queues.length === 1 ? 'is' : 'are'} paused${actions.byWhom('paused', queues)}`,
  },
  {
    runbook: 'TallyNoWorkers',
    holds: ({ queue }, { quietQueues }) => quietQueues.includes(queue),
    words: (queues, actions) =>
      `all workers of ${listWords(queues)} were told to take no jobs${actions.byWhom('quiet')}`,
  },
];

export function isStill(report: QueueReport, state: JudgedState): boolean {
  return STILL.some(({ holds }) => holds(report, state));
}

function judgeStill(state: JudgedState): Trouble[] {
  return STILL.flatMap(({ runbook, holds, words }): Trouble[] => {
    const meant = state.queues.filter((report) => holds(report, state));
    const waiting = meant.reduce((sum, { updatesWaiting, jobs }) => sum + (updatesWaiting ?? jobs?.waiting ?? 0), 0);
    const what = waiting === 0 ? '' : `, and ${countWords(waiting, 'update')} wait`;
    const queues = meant.map(({ queue }) => queue);
    return queues.length === 0
      ? []
      : [trouble(waiting > 0 ? 'error' : 'warning', `${words(queues, state.actions)}${what}`, runbook)];
  });
}

function judgeQueue(report: QueueReport, state: JudgedState): Trouble[] {
  const { queue, foreignWorkers, rateLimit, concurrencyLimit, jobs } = report;
  const waits = report.oldestWaitingSeconds ?? 0;
  const isLate = !isStill(report, state) && waits > LONG_WAIT_SECONDS;
  const limits = [
    rateLimit === null ? [] : `${countWords(rateLimit.jobs, 'job')} in ${exactWords(rateLimit.perMs)}`,
    concurrencyLimit === null ? [] : `${countWords(concurrencyLimit, 'job')} at a time`,
  ].flat();
  const byWhom = limits.length === 0 ? '' : state.actions.byWhom('limited', [queue]);
  const limited = limits.length === 0 ? '' : `: it is limited to ${limits.join(' and ')}${byWhom}`;
  const windowOver = report.oldestKeyedWindowRatio ?? 0;
  const late = `the oldest update of ${queue} has waited for ${durationWords(waits * 1000)}, and ${countWords(report.updatesWaiting ?? jobs?.waiting ?? 0, 'update')} wait`;
  return [
    ...(isLate
      ? [trouble('error', `${late}${limited}`, limits.length === 0 ? 'TallyJobsWaitTooLong' : 'TallyQueueLimited')]
      : limits.map((limit) => trouble('warning', `${queue} is limited to ${limit}${byWhom}`, 'TallyQueueLimited'))),
    ...(windowOver > WINDOW_OVER
      ? [
          trouble(
            'error',
            `the oldest keyed update of ${queue} has waited for ${Math.round(100 * windowOver)} % of the time that its key is remembered: past 100 % it is not applied`,
            'TallyKeyedUpdatesGrowOld',
          ),
        ]
      : []),
    ...((foreignWorkers ?? 0) > 0
      ? [
          trouble(
            'error',
            `${countWords(foreignWorkers ?? 0, 'worker')} of another program take${foreignWorkers === 1 ? 's' : ''} jobs of ${queue}, which are not applied`,
            'TallyForeignWorkers',
          ),
        ]
      : []),
  ];
}
