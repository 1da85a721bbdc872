import { expect, test } from 'vitest';
import type { Submission, TallyWorker } from '../../src/index.js';
import { createKeys } from '../../src/redis/keys.js';
import { tally } from '../support/command.js';
import { ended, jobOf, openQueue } from '../support/queues.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** `tally readmit`: what stood for too long is applied after all, once somebody has said so. */

const WINDOW_MS = 1_000;

interface Line {
  readonly jobId: string;
  readonly state: string;
  readonly action: string;
}

async function readmit(
  here: Place,
  ...flags: string[]
): Promise<{ code: number | null; lines: Line[]; stderr: string }> {
  const { redis, namespace, prefix } = here;
  const environment = { REDIS_URL: redis, TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix };
  const { code, stdout, stderr } = await tally(environment, 'readmit', '--json', ...flags);
  return { code, stderr, lines: JSON.parse(stdout || '[]') as Line[] };
}

const increment = (here: Place, name = 'n') => ({
  operation: 'counter.increment' as const,
  params: { key: here.key(name), by: 5 },
});

const dataOf = (here: Place, jobId: string) =>
  here.client.hget(`${here.partition.prefix}:counters:${jobId}`, 'data') as Promise<string>;

/** Lets Redis' clock go on past the window of the jobs sent so far. */
async function letTheWindowPass(here: Place): Promise<void> {
  const now = async () => Number((await here.client.time())[0]) * 1_000;
  const over = (await now()) + WINDOW_MS + 1_000;
  await until('the window is over', async () => (await now()) > over);
}

/** An update that waited for a worker until its window was over. */
async function tooOld(
  here: Place,
  idempotencyKey = here.key('k'),
): Promise<{ submission: Submission; worker: TallyWorker }> {
  const producer = here.producer({ idempotencyWindowMs: WINDOW_MS });
  const submission = await producer.submit(increment(here), { idempotencyKey });
  await letTheWindowPass(here);
  const worker = await here.worker();
  expect(await submission.outcome()).toMatchObject({ status: 'unknown', reason: 'TOO_OLD' });
  return { submission, worker };
}

test('an update that stood for too long is applied once it has a new stamp, and only then', async () => {
  const here = place();
  const { submission } = await tooOld(here);
  const { jobId } = submission;
  const [queue, before] = [openQueue(here), await dataOf(here, jobId)];

  const dry = await readmit(here, '--dry-run');
  expect(dry).toMatchObject({ code: 0, lines: [{ jobId, state: 'failed', action: 'stamped' }] });
  expect(await dataOf(here, jobId)).toBe(before);
  expect(await queue.getJobState(jobId)).toBe('failed');
  const done = await readmit(here);

  expect(done).toMatchObject({ code: 0, lines: [{ jobId, state: 'failed', action: 'stamped' }] });
  await until('it is applied', async () => (await queue.getJobState(jobId)) === 'completed');
  expect(await submission.outcome()).toEqual({ status: 'applied', result: { value: 5, applied: 5 } });
  expect(await here.client.get(here.key('n'))).toBe('5');
  expect((await dataOf(here, jobId)).replace(/\d{13}/, '')).toBe(before.replace(/\d{13}/, ''));
  const again = await here.producer().submit(increment(here), { idempotencyKey: here.key('k') });
  expect(await again.outcome()).toMatchObject({ status: 'applied', duplicate: true });
  expect(await readmit(here)).toMatchObject({ code: 0, lines: [], stderr: 'No job stands too long.\n' });
});

test('what is recorded under the key meanwhile is the answer, and no new stamp is given', async () => {
  const here = place();
  const { submission } = await tooOld(here);
  const again = await here.producer().submit(increment(here), { idempotencyKey: here.key('k') });
  await again.outcome();
  const before = await dataOf(here, submission.jobId);

  const { code, lines } = await readmit(here);

  expect({ code, lines }).toMatchObject({ code: 0, lines: [{ jobId: submission.jobId, action: 'recorded' }] });
  await until('it is answered', async () => (await openQueue(here).getJobState(submission.jobId)) === 'completed');
  expect(await submission.outcome()).toMatchObject({ status: 'applied', duplicate: true });
  expect(await dataOf(here, submission.jobId)).toBe(before);
  expect(await here.client.get(here.key('n'))).toBe('5');
});

test('a job that has a receipt of its own is told by it, and gets no new stamp', async () => {
  const here = place();
  const { submission, worker } = await tooOld(here);
  await worker.close();
  const { jobId } = submission;
  const receipt = createKeys(here).jobReceipt({ prefix: here.partition.prefix, queue: 'counters', jobId }, here.slot);
  await here.client.set(receipt, 'tally/2 AAAAAAAA 7');
  const before = await dataOf(here, jobId);

  expect((await readmit(here)).lines).toMatchObject([{ jobId, action: 'recorded' }]);
  expect(await dataOf(here, jobId)).toBe(before);
  expect(await openQueue(here).getJobState(jobId)).toBe('waiting');
});

test('those of a batch, which it put back, are told one by one, and one can be taken by the id of its update', async () => {
  const here = place();
  const producer = here.producer({ idempotencyWindowMs: WINDOW_MS });
  const updates = ['a', 'b'].map((name) => ({ ...increment(here, name), idempotencyKey: here.key(name) }));
  const submissions = await producer.submit([...updates, increment(here, 'c')]);
  await letTheWindowPass(here);
  await here.worker();
  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));
  expect(outcomes.map(({ status }) => status)).toEqual(['unknown', 'unknown', 'applied']);

  const one = await readmit(here, '--job', submissions[0].id);
  await ended(openQueue(here), submissions[0].id);
  const rest = await readmit(here, '--queue', 'counters');
  await until('both are applied', async () => (await here.client.get(here.key('b'))) === '5');

  expect(one.lines).toMatchObject([{ jobId: submissions[0].id, action: 'stamped' }]);
  expect(rest.lines).toMatchObject([{ jobId: submissions[1]!.id, action: 'stamped' }]);
  expect(await submissions[0].outcome()).toEqual({ status: 'applied', result: { value: 5, applied: 5 } });
  expect(await here.client.mget(here.key('a'), here.key('b'), here.key('c'))).toEqual(['5', '5', '5']);
});

test('waiting jobs get a new stamp in time when they are asked for, and others are left alone', async () => {
  const here = place();
  const producer = here.producer({ idempotencyWindowMs: 4_000 });
  const first = await producer.submit(increment(here), { idempotencyKey: here.key('k') });
  const later = await producer.submit(increment(here, 'later'), { idempotencyKey: here.key('l'), delay: 3_900 });
  const urgent = await producer.submit(increment(here, 'urgent'), { idempotencyKey: here.key('u'), priority: 3 });
  const unkeyed = await producer.submit(increment(here, 'unkeyed'));
  await here.client.lpush(here.key('list'), 'x');
  await until('half of it is over', async () => (await readmit(here, '--waiting', '--dry-run')).lines.length === 3);
  const fresh = await here.producer().submit(increment(here, 'fresh'), { idempotencyKey: here.key('f') });

  expect((await readmit(here)).lines).toEqual([]);
  const { lines } = await readmit(here, '--waiting');
  await here.worker();

  expect(lines.map(({ jobId, state, action }) => `${jobId} ${state} ${action}`).sort()).toEqual(
    [first, later, urgent].map(({ jobId }) => `${jobId} waiting stamped`).sort(),
  );
  const applied = await Promise.all([first, later, urgent, unkeyed, fresh].map((each) => each.outcome()));
  expect(applied).toEqual(applied.map(() => ({ status: 'applied', result: { value: 5, applied: 5 } })));
});

test('a job that plain BullMQ added with a key and without a stamp is given one, under its own name', async () => {
  const here = place();
  await here.worker();
  const queue = openQueue(here);
  const slots = here.slot === NO_SLOT ? {} : { slots: here.slot }; // in a Cluster they have to be there, too
  const data = { ...slots, idempotencyKeys: { 0: here.key('k') }, updates: [increment(here).params] };
  const added = await queue.add('counter.increment', data, { jobId: 'order-7' });
  expect((await ended(queue, 'order-7')).failedReason).toContain('UNSTAMPED');

  const { lines } = await readmit(here, '--job', 'order-7');

  expect(lines).toMatchObject([{ jobId: 'order-7', action: 'stamped' }]);
  await until('it is applied', async () => (await queue.getJobState('order-7')) === 'completed');
  expect((await jobOf(queue, 'order-7')).data).toMatchObject({ ...data, windowMs: 86_400_000 });
  expect((await jobOf(queue, 'order-7')).timestamp).toBe(added.timestamp);
  expect(await here.client.get(here.key('n'))).toBe('5');
});

test('jobs that failed for other reasons, and those of which nobody knows, are not touched', async () => {
  const here = place();
  const worker = await here.worker();
  await here.client.lpush(here.key('n'), 'x');
  const wrong = await here.producer().submit(increment(here), { idempotencyKey: here.key('k') });
  await wrong.outcome();
  await worker.close();

  expect(await readmit(here)).toMatchObject({ code: 0, lines: [] });
  expect(await readmit(here, '--job', wrong.jobId)).toMatchObject({ code: 1, lines: [{ action: 'left' }] });
  expect(await openQueue(here).getJobState(wrong.jobId)).toBe('failed');
  const none = await readmit(here, '--job', 'nobody');
  expect(none).toMatchObject({ code: 1, lines: [], stderr: 'tally: no failed or waiting job has the id "nobody"\n' });
});

test('a queue that is none is refused, with those that there are', async () => {
  const { code, stderr } = await readmit(place(), '--queue', 'counter');
  expect(code).toBe(2);
  expect(stderr).toMatch(/^tally: --queue must be one of counters, .*, but is "counter"/);
});
