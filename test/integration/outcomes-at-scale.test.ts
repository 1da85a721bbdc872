import { expect, onTestFinished, test, vi } from 'vitest';
import { OutcomeTimeoutError } from '../../src/index.js';
import type { Outcome, Producer, Submission, TallyError } from '../../src/index.js';
import { startProxy } from '../support/proxy.js';
import { startStopwatch } from '../support/stopwatch.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

test('5,000 callers that wait at once each hear of their own update, over one connection per queue', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const bad = here.key('bad');
  await here.client.set(bad, 'not a number');
  const producer = here.producer({ maxBatch: 16 });
  const timersBefore = timers();
  const counted = await submitEach(5_000, (n) =>
    producer.counters.increment({ key: n % 10 === 0 ? bad : here.key('count') }),
  );
  const awarded = await submitEach(100, () => producer.xp.award({ key: here.key('xp'), amount: 1 }));
  const ofCounters = outcomesOf(counted);
  const ofXp = outcomesOf(awarded);
  await here.worker();

  expect(valuesOf((await ofCounters).filter((_, n) => n % 10 !== 0))).toEqual(oneTo(4_500));
  const failed = (await ofCounters).filter((_, n) => n % 10 === 0);
  expect(failed.every((it) => it.status === 'failed' && it.reason === 'NOT_AN_INTEGER')).toBe(true);
  expect((await ofXp).every(({ status }) => status === 'applied')).toBe(true);
  const names = (await listeners(here)).map(({ name }) => name);
  expect(names.sort()).toEqual([eventsName(here, 'counters'), eventsName(here, 'xp'), 'tally-outcomes'].sort());
  expect(timers() - timersBefore).toBeLessThan(100); // the limits of those that were answered don't run on
});

test('an event is enough to be answered, without a look at the job', async () => {
  const here = place();
  const bad = here.key('bad');
  await here.client.set(bad, 'not a number');
  const producer = here.producer({ maxBatch: 1 });
  const first = await here.worker();
  await onlyEventsAnswer(here, producer);
  await first.close();
  const submissions = await submitEach(1_000, (n) =>
    producer.counters.increment({ key: n % 10 === 0 ? bad : here.key('count') }),
  );
  const outcomes = outcomesOf(submissions);
  await here.worker();
  expect((await outcomes).filter(({ status }) => status === 'applied')).toHaveLength(900);
});

test('an event that came before its caller waits is remembered', async () => {
  const here = place();
  const producer = here.producer();
  await here.worker();
  await onlyEventsAnswer(here, producer);
  const increment = () => producer.counters.increment({ key: here.key('count') });
  const submission = await increment();
  const completed = `${here.partition.prefix}:counters:completed`;
  await until('its event was sent', async () => (await here.client.zscore(completed, submission.jobId)) !== null);
  const last = await increment();
  await last.outcome(); // the event of the one before has come as well
  await here.client.del(`${here.partition.prefix}:counters:${submission.jobId}`);
  await here.client.del(here.jobReceipt(submission.jobId));
  expect(valuesOf([await submission.outcome()])).toEqual(new Set([1]));
});

test('whoever missed the event is answered all the same', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const proxy = await startProxy(here.redis);
  const producer = here.producer({ redis: proxy.url, maxBatch: 16 });
  const submissions = await submitEach(2_000, () => producer.counters.increment({ key: here.key('count') }));
  const before = await looks(here);
  const outcomes = outcomesOf(submissions, 15_000);
  await itListens(here);
  await until('each job was looked at once', async () => (await looks(here)) - before >= jobs(submissions));
  proxy.mute();
  await here.worker();
  await allApplied(here, 2_000);
  await here.client.xtrim(`${here.partition.prefix}:counters:events`, 'MAXLEN', 0);
  proxy.cut();
  expect(valuesOf(await outcomes)).toEqual(oneTo(2_000));
});

test('nobody is forgotten when the connections of outcomes are lost again and again', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const producer = here.producer({ maxBatch: 1 });
  const submissions = await submitEach(2_000, () => producer.counters.increment({ key: here.key('count') }));
  const outcomes = outcomesOf(submissions);
  await itListens(here);
  await here.worker({ concurrency: 1 }); // so that the cuts fall among the jobs
  let cuts = 0;
  await until('20 connections were cut', async () => {
    for (const { id } of await listeners(here)) {
      cuts += Number(await here.client.client('KILL', 'ID', id));
    }
    return cuts >= 20;
  });
  expect(valuesOf(await outcomes)).toEqual(oneTo(2_000));
});

test('what has ended before anyone asks is told: from the job, then from its receipt, then that it is gone', async () => {
  const here = place();
  await here.worker();
  const producer = here.producer({ maxBatch: 1 });
  const submissions = await submitEach(2_500, () => producer.counters.increment({ key: here.key('count') }));
  await allApplied(here, 2_500);
  expect(valuesOf(await outcomesOf(submissions))).toEqual(oneTo(2_500));

  await here.client.unlink(submissions.map(({ jobId }) => `${here.partition.prefix}:counters:${jobId}`));
  expect(valuesOf(await outcomesOf(submissions))).toEqual(oneTo(2_500));

  await here.client.unlink(submissions.map(({ jobId }) => here.jobReceipt(jobId)));
  const answers = await Promise.allSettled(submissions.map((submission) => submission.outcome()));
  expect(answers.every((it) => it.status === 'rejected' && (it.reason as TallyError).code === 'UPDATE_NOT_FOUND')).toBe(
    true,
  );
});

test('each waits no longer than its limit, and those with more time are answered later', async () => {
  const here = place();
  const producer = here.producer({ maxBatch: 16 });
  const submissions = await submitEach(2_000, () => producer.counters.increment({ key: here.key('count') }));
  const patient = outcomesOf(submissions);
  const impatient = submissions.map((submission) => failureOf(submission.outcome({ timeoutMs: 300 })));
  for (const { error, afterMs, byTheClockMs } of await Promise.all(impatient)) {
    expect(error).toBeInstanceOf(OutcomeTimeoutError);
    expect(byTheClockMs).toBeGreaterThan(200);
    expect(afterMs).toBeLessThan(1_300);
  }
  await here.worker();
  expect(valuesOf(await patient)).toEqual(oneTo(2_000));
});

test.each([{ hangs: false }, { hangs: true }])(
  'limits hold and close() ends all that wait, at once (Redis hangs: $hangs)',
  async ({ hangs }) => {
    const redis = await ownRedis();
    const here = place(redis.url);
    const producer = here.producer({ maxBatch: 16 });
    const submissions = await submitEach(2_000, () => producer.counters.increment({ key: here.key('count') }));
    const waiting = Promise.all(submissions.map((submission) => failureOf(submission.outcome())));
    await itListens(here);
    if (hangs) {
      process.kill(redis.pid(), 'SIGSTOP');
    }
    try {
      const limited = await failureOf(submissions[0]!.outcome({ timeoutMs: 300 }));
      expect(limited.error).toBeInstanceOf(OutcomeTimeoutError);
      expect(limited.afterMs).toBeLessThan(1_300);
      const closingMs = startStopwatch();
      const closing = producer.close();
      expect((await waiting).every(({ error }) => (error as TallyError).code === 'CLOSED')).toBe(true);
      expect(closingMs()).toBeLessThan(1_000);
      await closing;
      expect(closingMs()).toBeLessThan(2_500);
    } finally {
      process.kill(redis.pid(), 'SIGCONT');
    }
    await until('its connections are gone', async () => (await listeners(here)).length === 0);
  },
);

/**
 * From when the producer hears events, which a worker must be there for. Looks are made at intervals: none is made while intervals
 * stand still.
 */
async function onlyEventsAnswer(here: Place, producer: Producer): Promise<void> {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  await until('it hears an event', async () => {
    const submission = await producer.counters.increment({ key: here.key('heard') });
    return submission.outcome({ timeoutMs: 500 }).then(
      () => true,
      () => false,
    );
  });
}

function submitEach<Result>(
  count: number,
  submit: (n: number) => Promise<Submission<Result>>,
): Promise<Submission<Result>[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => submit(n)));
}

function outcomesOf<Result>(
  submissions: readonly Submission<Result>[],
  timeoutMs = 100_000,
): Promise<Outcome<Result>[]> {
  return Promise.all(submissions.map((submission) => submission.outcome({ timeoutMs })));
}

/** The values that increments of one key saw: each its own, when none was mixed up with another. */
function valuesOf(outcomes: readonly Outcome<{ value: number }>[]): Set<number> {
  return new Set(outcomes.map((it) => (it.status === 'applied' ? it.result.value : Number.NaN)));
}

function oneTo(count: number): Set<number> {
  return new Set(Array.from({ length: count }, (_, index) => index + 1));
}

async function failureOf(
  promise: Promise<unknown>,
): Promise<{ error: unknown; afterMs: number; byTheClockMs: number }> {
  const [startedAtMs, elapsedMs] = [performance.now(), startStopwatch()];
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, afterMs: elapsedMs(), byTheClockMs: performance.now() - startedAtMs };
}

async function allApplied(here: Place, count: number): Promise<void> {
  await until('all are applied', async () => Number(await here.client.get(here.key('count'))) === count);
}

function jobs(submissions: readonly Submission[]): number {
  return new Set(submissions.map(({ jobId }) => jobId)).size;
}

/** Jobs that were looked at, in a Redis of the test's own and while no worker runs. */
async function looks({ client }: Place): Promise<number> {
  return Number(/cmdstat_hmget:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
}

/** Timers that run in this process. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

function eventsName({ prefix }: Place, queue: string): string {
  return `${prefix}:${Buffer.from(queue).toString('base64')}:qe`;
}

/** The connections over which outcomes come. In a shared Redis only those that hear events can be told apart. */
async function listeners({ client, prefix }: Place): Promise<{ id: string; name: string; blocked: boolean }[]> {
  const lists = await Promise.all(client.masters().map((master) => master.client('LIST')));
  const lines = lists.map(String).join('').split('\n');
  return lines.flatMap((line) => {
    const [, id = '', name = '', flags = ''] = /^id=(\d+) .* name=(\S*) .* flags=(\w+) /.exec(line) ?? [];
    const isMeant = name === 'tally-outcomes' || (name.startsWith(`${prefix}:`) && name.endsWith(':qe'));
    return isMeant ? [{ id, name, blocked: flags.includes('b') }] : [];
  });
}

async function itListens(here: Place): Promise<void> {
  await until('it listens', async () => (await listeners(here)).some(({ blocked }) => blocked));
}
