import { DelayedError } from 'bullmq';
import type { Job, Processor } from 'bullmq';
import { expect, onTestFinished } from 'vitest';
import { AttemptWorker, attemptAskedAtMs, hasRunBefore } from '../../src/bullmq/attempt-worker.js';
import { jobLockKey } from '../../src/bullmq/queue-keys.js';
import { Events } from '../../src/bullmq/queue-events.js';
import { workerConnectionName } from '../../src/bullmq/worker-names.js';
import { readClients } from '../../src/redis/client-list.js';
import { slotOf } from '../../src/redis/slots.js';
import { ended } from '../support/queues.js';
import { until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { begin, fact, QUEUE, startWorker, untilReady, workerConnection } from './facts.js';

fact('workers are known by the names of their connections', { lookAt: 'src/bullmq/worker-names.ts' }, async () => {
  const { here, at } = begin();
  await startWorker(here, () => Promise.resolve());
  await startWorker(here, () => Promise.resolve(), { name: 'a-name' });
  const master = here.client.masterOf(slotOf(at.prefix))!;
  const wanted = [workerConnectionName(at), workerConnectionName(at, 'a-name')];
  await until('both are named', async () => {
    const names = (await readClients(master)).map(({ name }) => name);
    return wanted.every((name) => names.includes(name));
  });
});

class ProbeWorker extends AttemptWorker<object, string> {
  readonly texts: string[] = [];

  protected override dataRead(_job: Job, text: string): void {
    this.texts.push(text);
  }

  protected override failureFor({ message }: Error): Error {
    return new Error(`told: ${message}`);
  }
}

async function startProbe(
  here: Place,
  processor: Processor<object, string>,
  options: { concurrency?: number } = {},
): Promise<ProbeWorker> {
  const connection = workerConnection(here);
  const { prefix } = here.partition;
  // Locks are renewed long before they end: on a busy machine a worker would seem silent otherwise.
  const locks = { lockDuration: 3_000, lockRenewTime: 100, stalledInterval: 300 };
  const settings = { connection, prefix, ...locks, ...options };
  const worker = new ProbeWorker(QUEUE, processor, settings);
  await untilReady(worker);
  return worker;
}

fact(
  'all attempts come by the methods that are overridden, with the text of their data, and are asked for before they begin',
  { lookAt: 'src/bullmq/attempt-worker.ts' },
  async () => {
    const { here, queue } = begin();
    const startedAtMs = performance.now();
    // The first comes by moveToActive, the next when one is completed, the next when one has failed.
    await queue.addBulk([1, 2, 3].map((n) => ({ name: 'n', data: { n }, opts: { jobId: `j${n}`, attempts: 1 } })));
    const found: { n: unknown; ranBefore: boolean }[] = [];
    const worker = await startProbe(here, (job) => {
      const askedAtMs = attemptAskedAtMs(job);
      expect(askedAtMs).toBeGreaterThan(startedAtMs);
      expect(askedAtMs).toBeLessThanOrEqual(performance.now());
      found.push({ n: (job.data as { n: number }).n, ranBefore: hasRunBefore(job) });
      return job.id === 'j2' ? Promise.reject(new Error('no')) : Promise.resolve('yes');
    });
    const jobs = await Promise.all(['j1', 'j2', 'j3'].map((id) => ended(queue, id)));

    expect(found).toEqual([1, 2, 3].map((n) => ({ n, ranBefore: false })));
    expect(worker.texts).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
    expect(jobs.map(({ failedReason }) => failedReason)).toEqual([undefined, 'told: no', undefined]);
  },
);

fact(
  'an attempt after one that failed or whose worker fell silent is known as such',
  { lookAt: 'hasRunBefore in src/bullmq/attempt-worker.ts' },
  async () => {
    const { here, queue } = begin();
    const ran: Record<string, boolean[]> = {};
    const note = (job: Job) => (ran[job.id ?? ''] ??= []).push(hasRunBefore(job));
    await queue.add('n', {}, { jobId: 'fails', attempts: 2 });
    await queue.add('n', {}, { jobId: 'silent', attempts: 2 });
    const processor: Processor<object, string> = (job) => {
      note(job);
      return job.id === 'fails' ? Promise.reject(new Error('no')) : new Promise(() => undefined);
    };
    const dying = await startProbe(here, processor, { concurrency: 2 });
    await until('one attempt of each was made', () => (ran['fails']?.length ?? 0) > 1 && ran['silent'] !== undefined);
    await dying.abandonJobs();
    void dying.close(true);
    await startProbe(here, (job) => {
      note(job);
      return Promise.resolve('');
    });
    const silent = await ended(queue, 'silent');
    expect(ran).toMatchObject({ fails: [false, true], silent: [false, true] });
    expect(silent.attemptsMade).toBe(1); // what was not ended does not count
  },
);

fact(
  'jobs are given up when their locks are renewed no more',
  { lookAt: 'abandonJobs in src/bullmq/attempt-worker.ts' },
  async () => {
    const { here, queue, at } = begin();
    await queue.add('n', {}, { jobId: 'j' });
    const worker = await startProbe(here, () => new Promise(() => undefined));
    await until('it runs', async () => (await here.client.exists(jobLockKey(at, 'j'))) === 1);
    let lifeMs = Infinity;
    await until('it is renewed', async () => {
      const before = lifeMs;
      lifeMs = await here.client.pttl(jobLockKey(at, 'j'));
      return lifeMs > before;
    });
    await worker.abandonJobs();
    await until('the lock is gone', async () => (await here.client.exists(jobLockKey(at, 'j'))) === 0);
  },
);

class AskedWorker extends ProbeWorker {
  asked = 0;

  protected override checkConnectionError<T>(command: () => Promise<T>): Promise<T | undefined> {
    this.asked += 1;
    return super.checkConnectionError(command);
  }
}

class AskedEvents extends Events {
  asked = 0;

  protected override checkConnectionError<T>(command: () => Promise<T>): Promise<T | undefined> {
    this.asked += 1;
    return super.checkConnectionError(command);
  }
}

fact(
  'the loops of workers and of listeners go on by the method that is overridden',
  { lookAt: 'src/bullmq/try-again-later.ts' },
  async () => {
    const { here, at } = begin();
    const options = { connection: workerConnection(here), prefix: at.prefix };
    const worker = new AskedWorker(QUEUE, () => Promise.resolve(''), { ...options, stalledInterval: 100 });
    await untilReady(worker);
    const events = new AskedEvents(QUEUE, { ...options, blockingTimeout: 100 });
    events.on('error', () => undefined);
    onTestFinished(() => events.close());
    await until('each has asked more than once', () => worker.asked > 1 && events.asked > 1);
  },
);

fact(
  'the wait of a worker between two looks for the jobs of silent ones ends when its jobs are given up',
  { lookAt: 'abandonJobs in src/bullmq/attempt-worker.ts' },
  async () => {
    const { here, at } = begin();
    const options = { connection: workerConnection(here), prefix: at.prefix, stalledInterval: 600_000 };
    const worker = new AskedWorker(QUEUE, () => Promise.resolve(''), options);
    await untilReady(worker);
    await until('it has looked once', () => worker.asked === 1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(worker.asked).toBe(1);
    await worker.abandonJobs();
    await until('it goes on', () => worker.asked === 2);
  },
);

fact(
  'an attempt that delays its job does not count as made, only as started',
  { lookAt: 'src/workers/delay-if-transient.ts and hasRunBefore in src/bullmq/attempt-worker.ts' },
  async () => {
    const { here, queue } = begin();
    await queue.add('n', {}, { jobId: 'j', attempts: 1 });
    const ran: boolean[] = [];
    await startProbe(here, async (job, token) => {
      ran.push(hasRunBefore(job));
      if (ran.length === 1) {
        await job.moveToDelayed(Date.now() + 50, token);
        throw new DelayedError();
      }
      return '';
    });
    const { attemptsMade, attemptsStarted } = await ended(queue, 'j');
    expect({ ran, attemptsMade, attemptsStarted }).toEqual({ ran: [false, true], attemptsMade: 1, attemptsStarted: 2 });
  },
);
