import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { Edit } from '../faults/mutation-list.js';
import { mutatedCopy, ROOT } from '../load/mutated-copy.js';
import { builtProgram } from '../support/built-program.js';
import { jobOf, openQueue } from '../support/queues.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** Builds of Tally whose forms are one older and one newer than that of this one, side by side with it. */

const FORM = { file: 'src/jobs/form.ts', from: 'export const FORM = 2;' };
const APPLIED = { status: 'applied', result: { value: 5, applied: 5 } };
const increment = (key: string) => ({ operation: 'counter.increment' as const, params: { key, by: 5 } });

function build(...edits: readonly Edit[]): string {
  const folder = mutatedCopy(...edits);
  cpSync(join(ROOT, 'test/support'), join(folder, 'test/support'), { recursive: true });
  return folder;
}

const olderBuild = () => build({ ...FORM, to: 'export const FORM = 1;' });

/** It also says something in its jobs that this build has never heard of. */
const newerBuild = () =>
  build(
    { ...FORM, to: 'export const FORM = 3;' },
    { file: 'src/jobs/job-data.ts', from: '    v: form,\n', to: '    v: form,\n    ...{ mood: "new" },\n' },
    {
      file: 'src/jobs/job-data.ts',
      from: '  sentAtMs: z.int().min(1).optional(),\n',
      to: '  sentAtMs: z.int().min(1).optional(),\n  mood: z.string().optional(),\n',
    },
  );

/** A process of a build; its lines come in order. */
async function start(
  folder: string,
  role: 'worker' | 'submit',
  { redis, namespace, prefix }: Place,
  updates?: object[],
) {
  const program = await builtProgram(join(folder, 'test/support/form-process.ts'));
  const settings = JSON.stringify({ role, options: { redis, namespace, prefix }, updates });
  const child = spawn(process.execPath, [program, settings], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  const lines: Interface = createInterface({ input: child.stdout });
  const iterator = lines[Symbol.asyncIterator]();
  return {
    next: async () => JSON.parse(String((await iterator.next()).value ?? 'null')) as unknown,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function startWorker(folder: string, here: Place) {
  const worker = await start(folder, 'worker', here);
  expect(await worker.next()).toBe('ready');
  return worker;
}

test('a job of a newer form waits, uncounted, for a worker that can read it', async () => {
  const here = place();
  const newer = newerBuild();
  const lines: string[] = [];
  const worker = await here.worker({ logger: pino({ level: 'warn' }, { write: (line: string) => lines.push(line) }) });
  const submitting = await start(newer, 'submit', here, [increment(here.key('a')), increment(here.key('b'))]);
  const ids = (await submitting.next()) as string[];
  const jobId = ids[0]!.split('.')[0]!;
  const queue = openQueue(here);

  await until('it is put off', async () => (await queue.getJobState(jobId)) === 'delayed');
  const job = await jobOf(queue, jobId);
  expect(job).toMatchObject({ attemptsMade: 0, data: { v: 3, mood: 'new' } });
  expect(job.failedReason).toBeUndefined();
  expect(lines.join('')).toContain('docs/upgrading.md');
  expect(await here.client.exists(here.key('a'), here.key('b'))).toBe(0);

  await worker.close();
  await startWorker(newer, here);
  await job.promote();
  expect(await submitting.next()).toEqual([APPLIED, APPLIED]);
  expect(await here.client.mget(here.key('a'), here.key('b'))).toEqual(['5', '5']);
});

test('a newer worker answers jobs of this form so that their producer can read it', async () => {
  const here = place();
  await startWorker(newerBuild(), here);
  const producer = here.producer();
  await here.client.lpush(here.key('bad'), 'x');

  const submissions = await producer.submit([
    { ...increment(here.key('a')), idempotencyKey: 'k' },
    increment(here.key('bad')),
  ]);

  expect(await submissions[0].outcome()).toEqual(APPLIED);
  expect(await submissions[1].outcome()).toMatchObject({ status: 'failed', reason: 'WRONG_TYPE' });
  const [again] = await producer.submit([{ ...increment(here.key('a')), idempotencyKey: 'k' }]);
  expect(await again.outcome()).toEqual({ ...APPLIED, duplicate: true });
  expect((await producer.find(submissions[0].id))?.outcome).toEqual(APPLIED);
});

test('this worker applies jobs of an older form and answers in it, and keys are remembered across', async () => {
  const here = place();
  await here.worker();
  const keyed = { ...increment(here.key('a')), idempotencyKey: 'k' };

  const older = await start(olderBuild(), 'submit', here, [keyed, increment(here.key('b'))]);
  await older.next();
  expect(await older.next()).toEqual([APPLIED, APPLIED]);

  const [again] = await here.producer().submit([keyed]);
  expect(await again.outcome()).toEqual({ ...APPLIED, duplicate: true });
});

test('an older worker leaves jobs of this form to this one', async () => {
  const here = place();
  const older = await startWorker(olderBuild(), here);
  const submission = await here.producer().submit(increment(here.key('a')));
  const queue = openQueue(here);
  await until('it is put off', async () => (await queue.getJobState(submission.jobId)) === 'delayed');
  await older.stop();

  await here.worker();
  await (await jobOf(queue, submission.jobId)).promote();

  expect(await submission.outcome()).toEqual(APPLIED);
  expect((await jobOf(queue, submission.jobId)).attemptsMade).toBe(1);
});

test('a key that a newer version has recorded is left to a worker that can read it', async () => {
  const here = place();
  const newer = newerBuild();
  const newWorker = await startWorker(newer, here);
  const keyed = { ...increment(here.key('a')), idempotencyKey: 'k' };
  const first = await start(newer, 'submit', here, [keyed]);
  await first.next();
  expect(await first.next()).toEqual([APPLIED]);
  await newWorker.stop();

  const worker = await here.worker();
  const [second] = await here.producer().submit([keyed]);
  const queue = openQueue(here);
  await until('it is put off', async () => (await queue.getJobState(second.jobId)) === 'delayed');
  await worker.close();
  await startWorker(newer, here);
  await (await jobOf(queue, second.jobId)).promote();

  expect(await second.outcome()).toEqual({ ...APPLIED, duplicate: true });
  expect(await here.client.get(here.key('a'))).toBe('5');
});
