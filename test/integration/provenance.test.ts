import { UnrecoverableError } from 'bullmq';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { NO_SLOT } from '../../src/redis/slots.js';
import { afterApplying } from '../support/after-applying.js';
import { ended, foreignWorker, jobOf, openQueue } from '../support/queues.js';
import { place, until } from '../support/tally.js';

const increment = (key: string, by = 5) => ({ operation: 'counter.increment' as const, params: { key, by } });

test('jobs that others add without ids are applied, whatever jobs of other queues have the same numbers', async () => {
  const here = place();
  await here.worker();
  const [counters, xp] = [openQueue(here), openQueue(here, 'xp')];

  const first = await counters.add('counter.increment', { updates: [{ key: here.key('count'), by: 5 }] });
  await ended(counters, first.id!);
  const second = await xp.add('xp.award', { updates: [{ key: here.key('bo'), amount: 50 }] });
  await ended(xp, second.id!);

  expect([first.id, second.id]).toEqual(['1', '1']);
  expect(await here.client.mget(here.key('count'), here.key('bo'))).toEqual(['5', '50']);
});

test('a number that is counted anew after obliterate is another job', async () => {
  const here = place();
  await here.worker();
  const counters = openQueue(here);
  const add = (by: number) => counters.add('counter.increment', { updates: [{ key: here.key('count'), by }] });
  const first = await add(5);
  await ended(counters, first.id!);

  await counters.obliterate({ force: true });
  const second = await add(7);
  await ended(counters, second.id!);

  expect(second.id).toBe(first.id);
  expect(await here.client.get(here.key('count'))).toBe('12');
});

test('one id in two queues, or under two prefixes, names different jobs', async () => {
  const here = place();
  const other = { prefix: `${here.prefix}-other` };
  await here.worker();
  await here.worker(other);
  const opts = { jobId: '6f1c1c52-0000-7000-8000-00000000abcd', timestamp: Date.now() }; // added in the same ms
  const order = (key: string) => ({ updates: [{ key: here.key(key), by: 5 }] });
  const stock = { updates: [{ key: here.key('stock'), quantity: 3 }] };
  const queues = [
    openQueue(here),
    openQueue(here, 'inventory'),
    openQueue(here, 'counters', here.partition.prefix.replace(here.prefix, other.prefix)),
  ] as const;

  await queues[0].add('counter.increment', order('here'), opts);
  await queues[1].add('inventory.restock', stock, opts);
  await queues[2].add('counter.increment', order('there'), opts);
  await Promise.all(queues.map((queue) => ended(queue, opts.jobId)));

  expect(await here.client.mget(here.key('here'), here.key('stock'), here.key('there'))).toEqual(['5', '3', '5']);
});

test.each([
  ['completes', () => Promise.resolve('7'), /completed the job with "7"/],
  [
    'fails with the look of a reason',
    () => Promise.reject(new UnrecoverableError('WRONG_TYPE: words; nothing was applied')),
    /WRONG_TYPE/,
  ],
])(
  'what another program %s is told as unknown, never as its own, and a retry applies it',
  async (_what, end, words) => {
    const here = place();
    const foreign = await foreignWorker(here, 'counters', end);
    const producer = here.producer();
    const submission = await producer.submit(increment(here.key('count')));

    const outcome = await submission.outcome();
    expect(outcome).toMatchObject({ status: 'unknown', reason: 'FOREIGN_WORKER' });
    expect((outcome as { message: string }).message).toMatch(words);
    expect((await producer.find(submission.id))?.outcome).toEqual(outcome);
    expect(await here.client.get(here.key('count'))).toBeNull();

    await foreign.close();
    await here.worker();
    const queue = openQueue(here);
    const job = await ended(queue, submission.jobId);
    await job.retry((await job.getState()) as 'completed' | 'failed');
    await until('it was applied', async () => (await here.client.get(here.key('count'))) === '5');
    await until('it is told', async () => (await producer.find(submission.id))?.outcome?.status === 'applied');
    expect(await submission.outcome()).toEqual({ status: 'applied', result: { value: 5, applied: 5 } });
  },
);

test('what was applied before another program took the job counts as applied', async () => {
  const here = place();
  let died = false;
  afterApplying((worker) => {
    died = true;
    worker.disconnectAll();
    return new Promise(() => undefined); // the worker dies before it completes the job
  });
  await here.worker({ lockDurationMs: 500, stalledIntervalMs: 300, closeTimeoutMs: 100 });
  const producer = here.producer();
  const submission = await producer.submit(increment(here.key('count')));
  await until('the worker died', () => died);
  await foreignWorker(here, 'counters', () => Promise.resolve({ ok: true }));

  expect(await submission.outcome()).toEqual({ status: 'applied', result: { value: 5, applied: 5 } });
  expect((await producer.find(submission.id))?.outcome).toEqual({
    status: 'applied',
    result: { value: 5, applied: 5 },
  });
});

test('a worker says when workers of another program are connected to its queues', async () => {
  const here = place();
  await foreignWorker(here, 'inventory', () => Promise.resolve());
  const lines: string[] = [];

  await here.worker({ logger: pino({ level: 'warn' }, { write: (line: string) => lines.push(line) }) });

  await until('it is said', () => lines.some((line) => line.includes('workers of another program')));
  const said = lines.filter((line) => line.includes('workers of another program'));
  expect(said).toHaveLength(1);
  expect(said[0]).toContain(`${here.partition.prefix}:inventory`);
  expect(said[0]).not.toContain(':counters');
});

test('updates that somebody takes out of a job before it runs shift no outcome', async () => {
  const here = place();
  const producer = here.producer();
  const keys = ['a', 'b', 'c'].map((name) => here.key(name));
  const submissions = await producer.submit(keys.map((key, index) => increment(key, index + 1)));
  const queue = openQueue(here);
  const job = await jobOf(queue, submissions[0]!.jobId);
  const { updates, ...data } = job.data as { updates: { key: string }[] };
  await job.updateData({ ...data, updates: updates.filter(({ key }) => key !== keys[1]) });
  await here.worker();

  for (const submission of submissions) {
    expect(await submission.outcome()).toMatchObject({ status: 'unknown', reason: 'EDITED' });
  }
  expect(await here.client.mget(...keys)).toEqual(['1', null, '3']);
  expect((await producer.find(submissions[2]!.id))?.outcome).toBeUndefined(); // the job has no third update now
  expect((await producer.find(submissions[1]!.id))?.params).toMatchObject({ key: keys[2] });
});

test.each([
  ['keeps', (data: object) => data],
  ['takes out', (data: object) => ({ ...data, v: undefined })],
])('an edit between the script and the put-back that %s the version doubles nothing', async (_what, head) => {
  const here = place();
  const [good, bad] = [here.key('good'), here.key('bad')];
  await here.client.lpush(bad, 'x');
  let died = false;
  afterApplying((worker) => {
    died = true;
    worker.disconnectAll();
    return new Promise(() => undefined);
  });
  await here.worker({ lockDurationMs: 500, stalledIntervalMs: 300, closeTimeoutMs: 100 });
  const submissions = await here.producer().submit([increment(good), increment(bad)]);
  await until('the worker died', () => died);
  const queue = openQueue(here);
  const job = await jobOf(queue, submissions[0].jobId);
  const { updates, ...data } = job.data as { updates: object[] };
  await job.updateData({ ...head(data), updates: [...updates].reverse() });
  await here.worker();

  await ended(queue, job.id!);
  expect(await here.client.get(good)).toBe('5');
  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));
  // A receipt of a Cluster speaks for its slot only: after an edit nobody can tell whether there were others.
  const partly = { status: 'unknown', reason: 'PARTLY_APPLIED' };
  expect(outcomes).toMatchObject(
    here.slot === NO_SLOT
      ? [
          { status: 'applied', result: { value: 5, applied: 5 } },
          { status: 'failed', reason: 'WRONG_TYPE' },
        ]
      : [partly, partly],
  );
});
