import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { FlowProducer } from 'bullmq';
import type { Queue } from 'bullmq';
import { expect, onTestFinished } from 'vitest';
import { ADD_AND_FOLLOW, LOOK_AND_MEND, WORK } from '../../src/bullmq/commands.js';
import { jobSetKey } from '../../src/bullmq/queue-keys.js';
import type { QueuePlace } from '../../src/bullmq/queue-keys.js';
import { countJobs } from '../../src/bullmq/queue-state.js';
import { keysToSettle, replaceData, retireJobs, retireScript, settleScript } from '../../src/bullmq/scripts.js';
import { storedText } from '../../src/bullmq/stored-job.js';
import { readKept } from '../../src/jobs/kept-outcomes.js';
import { ScriptRunner } from '../../src/redis/scripts.js';
import { ended } from '../support/queues.js';
import { keysLike, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { begin, fact, QUEUE, startWorker } from './facts.js';

fact(
  'a settled job has its record as its progress, and Redis time as its end',
  { lookAt: 'lua/settle.lua' },
  async () => {
    const { here, queue, at } = begin();
    await queue.add('n', {}, { jobId: 'j' });
    const worker = await startWorker(here, () => Promise.resolve('tally/2 digest 1'));
    const { finishedOn } = await ended(queue, 'j');
    await worker.close();
    const set = jobSetKey(at, 'completed');
    // BullMQ's own score is a whole number, by which one that was not corrected is known.
    expect(await here.client.zscore(set, 'j')).toBe(String(finishedOn));

    const settle = settleScript();
    const keys = keysToSettle([{ ...at, jobId: 'j', state: 'completed' }]);
    expect(await new ScriptRunner(here.client, [settle]).run(settle, keys, [60, '1', 'j', 1])).toBe('1');

    expect((await queue.getJob('j'))?.progress).toEqual({ outcomes: 'tally/2 digest 1' });
    expect(await here.client.zscore(set, 'j')).toMatch(/^\d+\.5$/);
  },
);

fact(
  'what a failed job takes is reckoned by the lengths of its data, its reason and its stack',
  { lookAt: 'lua/kept-bytes.lua' },
  async () => {
    const { here, queue, at } = begin();
    const long = 'x'.repeat(10_000);
    const jobIds = ['short', 'data', 'reason', 'stack'];
    const textOf = (jobId: string) => ({ text: jobId === 'data' ? long : '' });
    await queue.addBulk(jobIds.map((jobId) => ({ name: 'n', data: textOf(jobId), opts: { jobId, attempts: 1 } })));
    const worker = await startWorker(here, ({ id }) => {
      const error = new Error(id === 'reason' ? long : 'no');
      error.stack = id === 'stack' ? long : 'Error: no';
      return Promise.reject(error);
    });
    await Promise.all(jobIds.map((jobId) => ended(queue, jobId)));
    await worker.close();

    const settle = settleScript();
    const scripts = new ScriptRunner(here.client, [settle]);
    const taken: Record<string, number> = {};
    for (const jobId of jobIds) {
      const { bytes } = await readKept(here.client, at, 'failed');
      await scripts.run(settle, keysToSettle([{ ...at, jobId, state: 'failed' }]), [60, '0', jobId, 1]);
      taken[jobId] = (await readKept(here.client, at, 'failed')).bytes - bytes;
    }
    const { short = 0, ...others } = taken;
    expect(Object.values(others).map((bytes) => bytes - short > long.length)).toEqual([true, true, true]);
  },
);

/** The kinds of keys that BullMQ may keep of one job, by how it ended. */
const KEPT = {
  completed: {
    children: { completed: {}, ignored: { ignoreDependencyOnFailure: true } },
    kinds: ['failed', 'logs', 'processed'],
  },
  failed: { children: { fatal: { failParentOnFailure: true } }, kinds: ['logs', 'unsuccessful'] },
} as const;

for (const state of ['completed', 'failed'] as const) {
  fact(`nothing is left of a ${state} job that was retired`, { lookAt: 'lua/retire.lua' }, async () => {
    const { here, queue, at } = begin();
    const { children, kinds } = KEPT[state];
    await endWithChildren(here, queue, children);
    const kept = await keysLike(here, `${at.prefix}:${QUEUE}:parent:*`);
    expect(kept.map((key) => key.split(':').at(-1)).sort()).toEqual(kinds);
    for (const child of Object.keys(children)) {
      await (await queue.getJob(`child-${child}`))?.remove();
    }

    await retireAll(here, at, state, ['parent']);

    expect(await keysLike(here, `${at.prefix}:${QUEUE}:parent*`)).toEqual([]);
    expect(await countJobs(here.client, at, [state])).toEqual({ [state]: 0 });
  });
}

fact('nothing is left of a deduplication whose job was retired', { lookAt: 'lua/retire.lua' }, async () => {
  const { here, queue, at } = begin();
  await queue.add('n', {}, { jobId: 'j', deduplication: { id: 'once', ttl: 600_000 } });
  const worker = await startWorker(here, () => Promise.resolve());
  await ended(queue, 'j');
  await worker.close();
  expect(await keysLike(here, `${at.prefix}:${QUEUE}:*once`)).toHaveLength(1);

  await retireAll(here, at, 'completed', ['j']);

  expect(await keysLike(here, `${at.prefix}:${QUEUE}:*once`)).toEqual([]);
  await queue.add('n', {}, { jobId: 'another', deduplication: { id: 'once', ttl: 600_000 } });
  expect(await countJobs(here.client, at, ['waiting'])).toEqual({ waiting: 1 });
});

/** Brings a job with children and a line of logs to its end. */
async function endWithChildren(here: Place, queue: Queue, children: Readonly<Record<string, object>>): Promise<void> {
  const flow = new FlowProducer({ connection: here.client, prefix: here.partition.prefix });
  flow.on('error', () => undefined);
  onTestFinished(() => flow.close());
  await flow.add({
    name: 'parent',
    queueName: QUEUE,
    opts: { jobId: 'parent' },
    children: Object.entries(children).map(([name, opts]) => {
      return { name, queueName: QUEUE, opts: { jobId: `child-${name}`, ...opts } };
    }),
  });
  await (await queue.getJob('parent'))?.log('a line');
  const worker = await startWorker(here, ({ name }) =>
    ['ignored', 'fatal'].includes(name) ? Promise.reject(new Error('no')) : Promise.resolve(),
  );
  await ended(queue, 'parent');
  await until('its children ended', async () => (await queue.getJobCountByTypes('active', 'wait')) === 0);
  await worker.close();
}

/** As if they had ended long ago by Redis' time. */
async function retireAll(here: Place, at: QueuePlace, state: 'completed' | 'failed', jobIds: string[]): Promise<void> {
  await here.client.zadd(jobSetKey(at, state), ...jobIds.flatMap((jobId) => [0.5, jobId]));
  const retire = retireScript();
  const deps = { scripts: new ScriptRunner(here.client, [retire]), retire };
  const limits = { ageMs: 1_000, updates: 10, bytes: 1_000_000, looks: 10 };
  expect(await retireJobs(deps, at, state, limits)).toEqual({ looked: jobIds.length, early: 0 });
}

fact(
  'data are put in place of those that were read, unless a worker has the job',
  { lookAt: 'lua/readmit.lua and replaceData in src/bullmq/scripts.ts' },
  async () => {
    const { here, queue, at } = begin();
    const put = (state: 'failed' | 'waiting', before: object, after: object) =>
      replaceData(here.client, at, { jobId: 'j', state, before: storedText(before), after: storedText(after) });
    await queue.add('n', { n: 1 }, { jobId: 'j' });
    expect(await put('waiting', { n: 1 }, { n: 2 })).toBe(true);
    let whileItRuns: boolean | undefined;
    let found: unknown;
    const worker = await startWorker(here, async ({ data }) => {
      found = data;
      whileItRuns = await put('waiting', { n: 2 }, { n: 3 });
      throw new Error('no');
    });
    await ended(queue, 'j');
    await worker.close();
    expect({ found, whileItRuns }).toEqual({ found: { n: 2 }, whileItRuns: false });
    expect(await put('waiting', { n: 2 }, { n: 3 })).toBe(false);
    expect(await put('failed', { n: 2 }, { n: 3 })).toBe(true);
    expect((await queue.getJob('j'))?.data).toEqual({ n: 3 });
  },
);

const SCRIPTS = [
  {
    list: 'ADD_AND_FOLLOW',
    commands: ADD_AND_FOLLOW,
    scripts: [
      ...['addStandardJob', 'addDelayedJob', 'addPrioritizedJob', 'getCounts', 'promote', 'getState'],
      ...['addJobScheduler', 'removeJobScheduler', 'getJobScheduler'],
    ],
  },
  {
    list: 'WORK',
    commands: WORK,
    scripts: [
      ...['addStandardJob', 'moveToActive', 'moveToFinished', 'moveToDelayed', 'retryJob', 'extendLock', 'extendLocks'],
      ...[
        'moveStalledJobsToWait',
        'saveStacktrace',
        'updateProgress',
        'getCounts',
        'promote',
        'isJobInList',
        'getState',
        'updateJobScheduler',
      ],
    ],
  },
  {
    list: 'LOOK_AND_MEND',
    commands: LOOK_AND_MEND,
    scripts: [
      ...['getRanges', 'getJobs', 'getCounts', 'getState', 'getMetrics', 'getRateLimitTtl', 'getJobScheduler'],
      ...['paginate', 'removeJob', 'reprocessJob', 'moveJobsToWait', 'promote', 'pause', 'drain', 'cleanJobsInSet'],
      'obliterate',
    ],
  },
];

for (const { list, commands, scripts } of SCRIPTS) {
  fact(
    `${list} has all commands within the scripts of BullMQ that it is for`,
    { lookAt: 'src/bullmq/commands.ts and docs/redis-acl.md' },
    () => {
      const folder = join(dirname(createRequire(import.meta.url).resolve('bullmq')), 'scripts');
      const files = readdirSync(folder).filter((file) => file.endsWith('.js'));
      const used = scripts.flatMap((script) => {
        const file = files.find((name) => name.startsWith(`${script}-`));
        expect(file, script).toBeDefined();
        const text = readFileSync(join(folder, file ?? ''), 'utf8');
        return [...text.matchAll(/call\(\s*["']([A-Za-z]+)["']/g)].map(([, command = '']) => command.toUpperCase());
      });
      expect(used.length).toBeGreaterThan(10);
      expect([...new Set(used)].filter((command) => !commands.includes(command))).toEqual([]);
    },
  );
}
