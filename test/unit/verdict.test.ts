import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { judge } from '../../dashboard/overview/verdict.js';
import { OperatorActions } from '../../dashboard/overview/operator-actions.js';
import { Trends } from '../../dashboard/overview/trends.js';
import type { JudgedState } from '../../dashboard/overview/verdict.js';
import type { QueueReport } from '../../src/metrics/queue-report.js';

const QUEUE: QueueReport = {
  queue: 'counters',
  updatesWaiting: 0,
  jobs: { waiting: 0, active: 0, delayed: 0, failed: 0 },
  oldestWaitingSeconds: 0,
  updatesPerSecond: 0,
  drainSeconds: 0,
  oldestFailedSeconds: null,
  oldestKeyedWindowRatio: 0.5,
  failedFor: [],
  paused: false,
  rateLimit: null,
  concurrencyLimit: null,
  workers: 1,
  foreignWorkers: 0,
};

const SERVER = {
  node: 'a:1',
  usedMemoryBytes: 79,
  maxmemoryBytes: 100,
  appendOnlyFails: false,
  rewriteFails: false,
  snapshotFails: false,
};

const API = { role: 'api', host: 'a', pid: 1, clockOffsetMs: -5_000 };

const WELL: JudgedState = {
  queues: [QUEUE],
  faults: [],
  servers: [SERVER],
  refusals: [],
  isLost: false,
  groups: [{ name: 'mails', behindMs: 60_000, lag: 3 }],
  processes: [{ ...API, eventLoopDelayMs: 500, answered: { requests: 1_000, failed: 20, turnedAway: 50 } }],
  failedUpdates: 0,
  failedInHour: 7,
  quietWorkers: 0,
  quietQueues: [],
  schedules: [{ id: 'nightly', paused: false, nextRunAt: new Date() }],
  webhooks: undefined,
  findings: [],
  actions: new OperatorActions([], 0),
};

const WAITING = { updatesWaiting: 892_000, jobs: { waiting: 3_485, active: 0, delayed: 0, failed: 0 } };

test('nothing is wrong where nothing is, and what failed was retried', () => {
  expect(judge(WELL)).toEqual([]);
});

test.each<[what: string, queue: Partial<QueueReport>, words: RegExp, runbook: string]>([
  ['no worker', { ...WAITING, workers: 0 }, /no worker serves counters, and 892,000 updates wait/, 'TallyNoWorkers'],
  ['paused', { ...WAITING, paused: true }, /counters is paused, and 892,000 updates wait/, 'TallyQueuePaused'],
  ['waits', { ...WAITING, oldestWaitingSeconds: 7200 }, /has waited for 2 h/, 'TallyJobsWaitTooLong'],
  [
    'keys that are forgotten',
    { oldestKeyedWindowRatio: 0.633 },
    /waited for 63 % of the time/,
    'TallyKeyedUpdatesGrowOld',
  ],
  ['foreign', { foreignWorkers: 2 }, /2 workers of another program take jobs of counters/, 'TallyForeignWorkers'],
])('%s is said in words, with its part of the runbook, as an error', (_what, queue, words, runbook) => {
  const [first] = judge({ ...WELL, queues: [{ ...QUEUE, ...queue }] });
  expect(first).toEqual({ level: 'error', words: expect.stringMatching(words) as string, runbook });
});

test.each<[what: string, queue: Partial<QueueReport>, words: RegExp]>([
  ['a rate limit', { rateLimit: { jobs: 1, perMs: 60_000 } }, /limited to 1 job in 60 s/],
  ['a limit of jobs at a time', { concurrencyLimit: 3 }, /limited to 3 jobs at a time/],
  ['a paused queue in which nothing waits', { paused: true }, /counters is paused$/],
  ['a queue that nobody serves and in which nothing waits', { workers: 0 }, /no worker serves counters$/],
])('%s is a warning', (_what, queue, words) => {
  expect(judge({ ...WELL, queues: [{ ...QUEUE, ...queue }] })).toMatchObject([
    { level: 'warning', words: expect.stringMatching(words) as string },
  ]);
});

test('queues of which nothing is taken for the same reason are told together; a limit is told as what makes updates wait', () => {
  const late = { ...WAITING, oldestWaitingSeconds: 150 };
  const queues = [
    { ...QUEUE, workers: 0 },
    { ...QUEUE, ...WAITING, queue: 'xp', workers: 0 },
    { ...QUEUE, ...late, queue: 'scores' },
    { ...QUEUE, ...late, queue: 'inventory', rateLimit: { jobs: 60, perMs: 60_000 } },
  ];
  const schedules = [
    { id: 'tick', paused: false },
    { id: 'stands', paused: true },
  ];
  expect(judge({ ...WELL, queues, quietWorkers: 2, quietQueues: ['scores'], schedules })).toEqual([
    { level: 'error', words: 'no worker serves counters and xp, and 892,000 updates wait', runbook: 'TallyNoWorkers' },
    {
      level: 'error',
      words: 'all workers of scores were told to take no jobs, and 892,000 updates wait',
      runbook: 'TallyNoWorkers',
    },
    {
      level: 'error',
      words:
        'the oldest update of inventory has waited for 3 min, and 892,000 updates wait: it is limited to 60 jobs in 60 s',
      runbook: 'TallyQueueLimited',
    },
    {
      level: 'warning',
      words: 'what makes the runs of the schedule tick was removed by something else than Tally: put it again',
    },
  ]);
});

test('who has brought about what an operator can is said, until it is undone', () => {
  const at = (minutesAgo: number) => new Date(1_000 * 60_000 - minutesAgo * 60_000).toISOString();
  const done = { who: 'olaf', role: 'operator', result: 'done', from: '::1' } as const;
  const trail = [
    { ...done, at: at(1), action: 'pause', queue: 'counters', result: 'refused', who: 'vera' } as const,
    { ...done, at: at(2), action: 'concurrency', queue: 'xp', detail: 'no limit' },
    { ...done, at: at(3), action: 'tell a worker', detail: 'resume a:1:worker' },
    { ...done, at: at(4), action: 'pause', queue: 'counters-of-8:3' },
    { ...done, at: at(5), action: 'resume', queue: 'scores' },
    { ...done, at: at(6), action: 'tell a worker', detail: 'quiet a:1:worker' },
    { ...done, at: at(7), action: 'tell a worker', detail: 'quiet a:2:worker', who: 'ann' },
    { ...done, at: at(8), action: 'concurrency', queue: 'xp', detail: '3 jobs at a time' },
    { ...done, at: at(9), action: 'rate-limit', queue: 'xp', detail: '1 jobs in 1000 ms', who: undefined },
    { ...done, at: at(300), action: 'pause all queues', who: 'ann' },
    { ...done, at: at(301), action: 'pause', queue: 'transactions' },
  ];
  const actions = new OperatorActions(trail, 1_000 * 60_000);
  expect(actions.byWhom('paused', ['counters'])).toBe(' (by olaf, 4 min ago)');
  expect(actions.byWhom('paused', ['scores'])).toBe('');
  expect(actions.byWhom('paused', ['scores', 'inventory'])).toBe(' (by ann, 5 h ago)');
  expect(actions.byWhom('limited', ['xp'])).toBe(' (by someone, 9 min ago)');
  expect(actions.byWhom('limited', ['counters'])).toBe('');
  expect(actions.byWhom('quiet')).toBe(' (by ann, 7 min ago)');

  const rateLimit = { jobs: 1, perMs: 1_000 };
  const queues = [
    { ...QUEUE, ...WAITING, paused: true },
    { ...QUEUE, queue: 'xp', rateLimit },
  ];
  expect(judge({ ...WELL, queues, actions, quietWorkers: 1 }).map(({ words }) => words)).toEqual([
    'counters is paused (by olaf, 4 min ago), and 892,000 updates wait',
    'xp is limited to 1 job in 1 s (by someone, 9 min ago)',
    '1 worker told to take no jobs (by ann, 7 min ago)',
  ]);
});

test('what follows from refused writes is not told beside them', () => {
  const queues = [
    { ...QUEUE, ...WAITING, workers: 0 },
    { ...QUEUE, ...WAITING, queue: 'xp', oldestWaitingSeconds: 300 },
  ];
  const groups = [{ name: 'mails', behindMs: 300_000, lag: 3 }];
  const webhooks = {
    webhooks: [],
    deliveries: { waiting: 0, retrying: 0, failed: 1 },
    oldestMs: 7_200_000,
    oldestOf: undefined,
    behindMs: 300_000,
  };
  const state = { ...WELL, queues, groups, webhooks };
  expect(judge(state)).toHaveLength(6);
  expect(judge({ ...state, refusals: [{ node: 'a:1', code: 'NOREPLICAS' }] })).toMatchObject([
    { level: 'error', runbook: 'TallyRedisRefuses' },
    { level: 'warning', runbook: 'TallyWebhookDeliveriesFailed' },
  ]);
});

test('where a backlog goes is known when it was looked at for eight seconds, by the last minute', () => {
  const trends = new Trends();
  const growth = [0, 4_000, 8_000, 12_000, 80_000].map((atMs) => trends.note('counters', 100 + atMs / 100, atMs));
  expect(growth).toEqual([undefined, undefined, 10, 10, undefined]);
  expect(trends.note('counters', 0, 90_000)).toBeCloseTo(-90);
});

test('what is worst is said first: masters, what doctor calls an error, then warnings', () => {
  const troubles = judge({
    ...WELL,
    queues: [{ ...QUEUE, rateLimit: { jobs: 1, perMs: 1_000 } }],
    faults: ['Redis master a:1 does not answer'],
    servers: [{ ...SERVER, usedMemoryBytes: 90, maxmemoryBytes: 100 }],
    failedUpdates: 9,
    quietWorkers: 1,
    webhooks: undefined,
    findings: [
      { level: 'error', subject: 'policy', message: 'allkeys-lru evicts' },
      { level: 'warning', subject: 'aof', message: 'off' },
    ],
  });
  expect(troubles.map(({ level }) => level)).toEqual(['error', 'error', 'warning', 'warning', 'warning', 'warning']);
  expect(troubles[0]!.words).toContain('a:1');
  expect(troubles[1]!.words).toBe('policy: allkeys-lru evicts');
  expect(troubles.map(({ words }) => words).join()).toMatch(
    /90 % of the memory.*9 failed updates wait for a decision, 7 failed within the last hour.*1 worker told/,
  );
});

test.each<[what: string, state: Partial<JudgedState>, level: 'error' | 'warning', words: RegExp, runbook: string]>([
  ['lost data', { isLost: true }, 'error', /Redis has lost what Tally kept in it/, 'TallyDataLost'],
  [
    'refused writes',
    { refusals: [{ node: 'a:1', code: 'NOREPLICAS' }] },
    'error',
    /a:1 refuses all writes with NOREPLICAS/,
    'TallyRedisRefuses',
  ],
  [
    'old failures',
    { failedUpdates: 1, failedInHour: 0 },
    'warning',
    /^1 failed update waits for a decision$/,
    'TallyFailedJobs',
  ],
  [
    'a clock',
    {
      processes: [
        { role: 'api', host: 'a', pid: 1, clockOffsetMs: 6_000 },
        { role: 'worker', host: 'b', pid: 2, clockOffsetMs: -90_000 },
      ],
    },
    'warning',
    /the clock of worker 2 on b is 90 s ahead of that of Redis, and those of 1 other process are off too/,
    'TallyClockOff',
  ],
  [
    'an append-only file',
    { servers: [{ ...SERVER, rewriteFails: true }, SERVER] },
    'error',
    /^Redis at a:1 could not write its append-only file:/,
    'TallyPersistenceFails',
  ],
  [
    'a snapshot',
    { servers: [{ ...SERVER, appendOnlyFails: true, snapshotFails: true }] },
    'error',
    /could not write its append-only file and its last snapshot:/,
    'TallyPersistenceFails',
  ],
  [
    'answers of 5xx, of all APIs together',
    { processes: [3, 4].map((failed) => ({ ...API, answered: { requests: 50, failed, turnedAway: 0 } })) },
    'error',
    /^7\.0 % of the requests to the API were answered with 5xx within 5 minutes/,
    'TallyRequestsFail',
  ],
  [
    'answers of 429',
    { processes: [{ ...API, answered: { requests: 500, failed: 6, turnedAway: 31 } }] },
    'warning',
    /^6\.2 % of the requests to the API were turned away with 429/,
    'TallyRequestsTurnedAway',
  ],
  [
    'an event loop',
    { processes: [{ ...API, eventLoopDelayMs: 1_500 }] },
    'warning',
    /^api 1 on a is held up for 1,500 ms at a time/,
    'TallyEventLoopDelay',
  ],
  [
    'subscribers',
    { groups: [{ name: 'mails', behindMs: 300_000, lag: 1_234 }] },
    'warning',
    /the subscribers mails are 5 min behind: 1,234 updates told/,
    'TallySubscribersBehind',
  ],
])('%s: said in words, with the part of the runbook', (_what, state, level, words, runbook) => {
  expect(judge({ ...WELL, ...state })).toEqual([{ level, words: expect.stringMatching(words) as string, runbook }]);
});

test('webhooks that are not served, not taken or disabled are said in words, with their parts of the runbook', () => {
  const well = {
    webhooks: [{ id: 'wh_1', host: 'shop.example', disabled: 'BY_HAND', pending: 0 }],
    deliveries: { waiting: 3, retrying: 2, failed: 0 },
    oldestMs: 60_000,
    oldestOf: 'wh_1',
    behindMs: 1_000,
  };
  const said = (of: Partial<typeof well>) => judge({ ...WELL, webhooks: { ...well, ...of } });
  expect(said({})).toEqual([]);
  expect(said({ behindMs: 120_000, oldestMs: 7_200_000, deliveries: { ...well.deliveries, failed: 4 } })).toMatchObject(
    [
      { words: expect.stringContaining('2 min to be handed out') as string, runbook: 'TallyWebhooksBehind' },
      {
        words: 'a delivery to the webhook wh_1 (shop.example) has waited for 2 h, and 2 deliveries are tried again',
        runbook: 'TallyWebhookNotTaken',
      },
      { words: '4 deliveries to webhooks were given up', runbook: 'TallyWebhookDeliveriesFailed' },
    ],
  );
  expect(said({ webhooks: [{ ...well.webhooks[0]!, disabled: 'GONE' }] })).toEqual([
    { level: 'warning', words: 'Tally has disabled 1 webhook: wh_1', runbook: 'TallyWebhookDisabled' },
  ]);
});

/** What only counters of processes tell, or Prometheus itself. */
const ONLY_METRICS = [
  'TallyNoMetrics',
  'TallyNotScraped',
  'TallyJobsRetry',
  'TallyJobsStall',
  'TallyScriptsReloaded',
  'TallyOutcomesMissed',
  'TallyRelayBehind',
  'TallyRelaySetsAside',
];

/** What the overview says in other ways: `Drains in`, and what doctor says. */
const ELSEWHERE = ['TallyBacklogGrows', 'TallyJobsNewerForm'];

test('what alerts tell, the verdict tells as well, but for what it can not know', () => {
  const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  const alerts = new Set([...read('deploy/prometheus/rules.yml').matchAll(/alert: (\w+)/g)].map(([, name]) => name!));
  const told = ['verdict', 'judge-processes', 'judge-webhooks'].flatMap((file) =>
    [...read(`dashboard/overview/${file}.ts`).matchAll(/'(Tally[A-Z]\w+)'/g)].map(([, name]) => name!),
  );
  expect([...new Set([...told, ...ONLY_METRICS, ...ELSEWHERE])].sort()).toEqual([...alerts].sort());
  expect(told.filter((name) => [...ONLY_METRICS, ...ELSEWHERE].includes(name))).toEqual([]);
});
