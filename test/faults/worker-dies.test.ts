import { execFileSync } from 'node:child_process';
import { Queue } from 'bullmq';
import { describe, expect, test } from 'vitest';
import { startWorkerProcess } from '../support/child.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** Short, so that a job is taken over within 2 s. */
const QUICK = { lockDurationMs: 1_000, stalledIntervalMs: 500 };

describe('a worker process that is killed with kill -9', () => {
  test('after the script ran, before the job was completed: the update is applied once', async () => {
    const here = place();
    const key = here.key('count');
    const doomed = await startWorkerProcess(here, 'after-script', QUICK);
    const submission = await here.producer().counters.increment({ key, by: 5 });
    expect(await doomed.ended).toBe('SIGKILL');
    expect(await here.client.get(key)).toBe('5');

    await here.worker(QUICK);
    expect(await submission.outcome()).toEqual({ status: 'applied', result: { value: 5, applied: 5 } });
    expect(await here.client.get(key)).toBe('5');
  });

  test('before the script was sent: the update is applied once, by the next worker', async () => {
    const here = place();
    const key = here.key('count');
    const doomed = await startWorkerProcess(here, 'before-script', QUICK);
    const submission = await here.producer().counters.increment({ key, by: 5 });
    expect(await doomed.ended).toBe('SIGKILL');
    expect(await here.client.get(key)).toBeNull();

    await here.worker(QUICK);
    expect(await submission.outcome()).toEqual({ status: 'applied', result: { value: 5, applied: 5 } });
    expect(await here.client.get(key)).toBe('5');
  });

  test('its job is not taken over by a worker of another namespace, which would not find the receipt', async () => {
    const here = place();
    const key = here.key('count');
    const doomed = await startWorkerProcess(here, 'after-script', QUICK);
    const submission = await here.producer().counters.increment({ key, by: 5 });
    expect(await doomed.ended).toBe('SIGKILL');

    const stranger = here.worker({ ...QUICK, namespace: `other-${here.namespace}` });
    const refusal = `have the namespace "${here.namespace}", and this one "other-${here.namespace}"`;
    await expect(stranger).rejects.toThrow(refusal);
    await here.worker(QUICK);
    await submission.outcome();
    expect(await here.client.get(key)).toBe('5');
  });

  test('with default settings: its job is taken over within 10 s', async () => {
    const here = place();
    const doomed = await startWorkerProcess(here, 'before-script');
    await here.worker();
    // Both workers wait for jobs; submit until the doomed one has got one.
    const producer = here.producer();
    const submissions = [await producer.counters.increment({ key: here.key('count') })];
    while (doomed.process.exitCode === null && doomed.process.signalCode === null) {
      submissions.push(await producer.counters.increment({ key: here.key('count') }));
    }
    const killedAt = Date.now();
    const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));
    expect(Date.now() - killedAt).toBeLessThan(10_000);
    expect(outcomes.every(({ status }) => status === 'applied')).toBe(true);
    expect(await here.client.get(here.key('count'))).toBe(String(submissions.length));
  });
});

test.each([
  ['about to write', 'freeze'],
  ['just given the job, and its clock was set back meanwhile', 'freeze-taking'],
] as const)(
  'a worker that was frozen past its lease when %s writes nothing when it wakes, even when the receipt is gone',
  async (_when, point) => {
    const here = place();
    const key = here.key('count');
    const frozen = await startWorkerProcess(here, point, QUICK);
    const submission = await here.producer().counters.increment({ key, by: 5 });
    await until('the process has the job', async () => (await activeJobs(here)) === 1);
    await until('the process is stopped', () => isStopped(frozen.pid));
    const worker = await here.worker({ ...QUICK, settledReceiptMs: 2_000 });
    expect(await submission.outcome()).toMatchObject({ status: 'applied' });
    await worker.close();

    const receipt = here.jobReceipt(submission.jobId);
    expect(await here.client.pttl(receipt)).toBeGreaterThan(0);
    await until('the receipt has ended', async () => (await here.client.exists(receipt)) === 0);
    frozen.process.kill('SIGCONT');
    const later = await here.producer().counters.increment({ key: here.key('other') });
    await later.outcome(); // the woken worker is at work again
    expect(await here.client.get(key)).toBe('5');
  },
);

test('a worker process ends with exit code 0 on SIGTERM after finishing what runs', async () => {
  const here = place();
  const worker = await startWorkerProcess(here);
  const submissions = await here
    .producer({ maxBatch: 1 })
    .submit(
      Array.from({ length: 200 }, () => ({ operation: 'counter.increment' as const, params: { key: here.key('n') } })),
    );
  worker.process.kill('SIGTERM');
  expect(await worker.ended).toBe(0);
  const queue = new Queue('counters', { connection: here.client, prefix: here.prefix });
  expect(await queue.getActiveCount()).toBe(0);
  await queue.close();

  await here.worker();
  await Promise.all(submissions.map((submission) => submission.outcome()));
  expect(await here.client.get(here.key('n'))).toBe('200');
});

async function activeJobs({ client, prefix }: Place): Promise<number> {
  return client.llen(`${prefix}:counters:active`);
}

/** Whether a signal has stopped the process: its state is 'T'. */
function isStopped(pid: number): boolean {
  return execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('T');
}
