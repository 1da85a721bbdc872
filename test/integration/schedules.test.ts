import { afterEach, describe, expect, test, vi } from 'vitest';
import { ValidationError } from '../../src/index.js';
import type { Schedule, ValidationIssue } from '../../src/index.js';
import { openQueue } from '../support/queues.js';
import { keysLike, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const increment = (key: string) => ({ operation: 'counter.increment' as const, params: { key, by: 1 } });
const HOUR = 3_600_000;

afterEach(() => {
  vi.useRealTimers();
});

/** The jobs that schedules made, in all states. */
async function ticksOf(here: Place): Promise<string[]> {
  const jobs = await openQueue(here).getJobs(['completed', 'failed', 'waiting', 'active', 'delayed']);
  return jobs.flatMap(({ id = '' }) => (id.startsWith('repeat:') ? [id] : []));
}

test('each run takes effect once with several workers, and is listed with its outcome', async () => {
  const here = place();
  const { schedules } = here.producer();
  await Promise.all([1, 2, 3].map(() => here.worker()));
  const put = await schedules.put({ id: 'tick', everyMs: 1_000, update: increment(here.key('n')) });
  expect(put).toMatchObject({ id: 'tick', everyMs: 1_000, paused: false, update: increment(here.key('n')) });
  await until('it ran a few times', async () => Number(await here.client.get(here.key('n'))) >= 3, 30_000);
  await schedules.pause('tick');
  const completed = async () => (await openQueue(here).getJobs(['completed'])).length;
  await until(
    'all has ended',
    async () => (await openQueue(here).getJobCountByTypes('waiting', 'active', 'delayed')) === 0,
  );
  expect(await here.client.get(here.key('n'))).toBe(String(await completed()));

  const [listed] = await schedules.list();
  const value = Number(await here.client.get(here.key('n')));
  expect(listed).toMatchObject({ paused: true, lastRun: { outcome: { status: 'applied', result: { value } } } });
  expect(listed!.nextRunAt).toBeUndefined();
  const times = (await ticksOf(here)).map((id) => Number(id.split(':')[2]));
  expect(new Set(times).size).toBe(times.length);
  expect(Math.max(...times)).toBe(listed!.lastRun!.at.getTime());
}, 60_000);

test('a run whose job is run again applies nothing twice', async () => {
  const here = place();
  const { schedules } = here.producer();
  await here.worker();
  await schedules.put({ id: 'once', everyMs: HOUR, update: increment(here.key('n')) });
  await until('it ran', async () => (await here.client.get(here.key('n'))) === '1');
  const queue = openQueue(here);
  await until('it is completed', async () => (await queue.getCompletedCount()) === 1);
  const [job] = await queue.getJobs(['completed']);
  await job!.retry('completed');
  await until('it ran again', async () => (await queue.getJob(job!.id!))!.attemptsStarted === 2);
  await until('it is completed', async () => (await queue.getCompletedCount()) === 1);
  expect(await here.client.get(here.key('n'))).toBe('1');
});

describe('a schedule', () => {
  test('that is put again as it is goes on: a run that is due is not lost', async () => {
    const here = place();
    const { schedules } = here.producer();
    const schedule = { id: 'daily', cron: '0 0 * * *', update: increment(here.key('n')) };
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 48 * HOUR });
    await schedules.put(schedule); // two days ago: since then nobody worked
    vi.useRealTimers();
    await schedules.put(schedule);
    await here.worker();
    await until('it ran', async () => (await here.client.get(here.key('n'))) === '1');
    const listed = await schedules.get('daily');
    expect(listed!.nextRunAt!.getTime()).toBeGreaterThan(Date.now());
  });

  test('that another program has edited is what it was when it is put again', async () => {
    const here = place();
    const { schedules } = here.producer();
    const schedule = { id: 'daily', cron: '0 0 * * *', timeZone: 'Asia/Tokyo', update: increment(here.key('n')) };
    await schedules.put(schedule);
    const queue = openQueue(here);
    const patterns = async () => (await queue.getJobSchedulers()).map(({ pattern, tz }) => [pattern, tz]);
    await queue.upsertJobScheduler('daily', { pattern: '0 3 * * *' }, { name: 'counter.increment', data: {} });
    expect(await patterns()).toEqual([['0 3 * * *', undefined]]);
    await schedules.put(schedule);
    expect(await patterns()).toEqual([['0 0 * * *', 'Asia/Tokyo']]);
  });

  test('is changed, also to another queue, and stands still and goes on', async () => {
    const here = place();
    const { schedules } = here.producer();
    await schedules.put({ id: 'a', cron: '0 0 * * *', update: increment(here.key('n')) });
    const award = { operation: 'xp.award' as const, params: { key: here.key('xp'), amount: 1 } };
    const changed = await schedules.put({ id: 'a', cron: '0 3 * * 1', timeZone: 'Europe/Berlin', update: award });
    expect(changed).toMatchObject({ cron: '0 3 * * 1', timeZone: 'Europe/Berlin', update: { operation: 'xp.award' } });
    expect(await ticksOf(here)).toEqual([]);
    expect(await openQueue(here).getJobSchedulersCount()).toBe(0);
    expect(await openQueue(here, 'xp').getJobSchedulersCount()).toBe(1);

    await schedules.pause('a');
    expect(await openQueue(here, 'xp').getJobSchedulersCount()).toBe(0);
    expect(await schedules.get('a')).toMatchObject({ paused: true });
    await schedules.resume('a');
    expect((await schedules.get('a'))!.nextRunAt).toEqual(changed.nextRunAt);
  });

  test('that is removed runs no more, and leaves nothing', async () => {
    const here = place();
    const { schedules } = here.producer();
    await schedules.put({ id: 'a', cron: '0 0 * * *', update: increment(here.key('n')) });
    expect(await schedules.remove('a')).toBe(true);
    expect(await schedules.remove('a')).toBe(false);
    expect(await schedules.list()).toEqual([]);
    expect(await keysLike(here, `${here.prefix}*repeat*`)).toEqual([]);
    await expect(schedules.pause('a')).rejects.toMatchObject({ code: 'SCHEDULE_NOT_FOUND' });
  });

  test('says of its last run that it was rejected or has failed', async () => {
    const here = place();
    const { schedules } = here.producer();
    await here.worker();
    await here.client.lpush(here.key('list'), 'x');
    await schedules.put({ id: 'fails', everyMs: HOUR, update: increment(here.key('list')) });
    const take = { key: here.key('stock'), quantity: 1, whenShort: 'reject' as const };
    await schedules.put({ id: 'rejected', everyMs: HOUR, update: { operation: 'inventory.take', params: take } });
    const lastRun = async (id: string) => (await schedules.get(id))?.lastRun;
    await until('both have run', async () => Boolean((await lastRun('fails')) && (await lastRun('rejected'))));
    expect(await lastRun('fails')).toMatchObject({ outcome: { status: 'failed', reason: 'WRONG_TYPE' } });
    expect(await lastRun('rejected')).toMatchObject({ outcome: { status: 'rejected', reason: 'INSUFFICIENT_STOCK' } });
  });
});

/** The next runs from a time on, as workers would make them. */
async function nextRuns(here: Place, cron: string, from: string, count: number): Promise<string[]> {
  const { schedules } = here.producer();
  const found: string[] = [];
  let now = Date.parse(from);
  while (found.length < count) {
    vi.useFakeTimers({ toFake: ['Date'], now });
    const schedule: Schedule = await schedules.put({
      id: `s-${now}`,
      cron,
      timeZone: 'Europe/Berlin',
      update: increment(here.key('n')),
    });
    vi.useRealTimers();
    now = schedule.nextRunAt!.getTime();
    found.push(schedule.nextRunAt!.toISOString());
  }
  return found;
}

describe('in Berlin, where clocks change', () => {
  test('midnight is midnight, summer and winter: days of 23 and of 25 hours', async () => {
    const here = place();
    expect(await nextRuns(here, '0 0 * * *', '2027-03-26T12:00:00Z', 4)).toEqual([
      '2027-03-26T23:00:00.000Z',
      '2027-03-27T23:00:00.000Z',
      '2027-03-28T22:00:00.000Z', // 23 hours later
      '2027-03-29T22:00:00.000Z',
    ]);
    expect(await nextRuns(here, '0 0 * * *', '2027-10-30T12:00:00Z', 3)).toEqual([
      '2027-10-30T22:00:00.000Z',
      '2027-10-31T23:00:00.000Z', // 25 hours later
      '2027-11-01T23:00:00.000Z',
    ]);
  });

  test('a time that is left out comes all the same, and one that comes twice counts once', async () => {
    const here = place();
    const spring = await nextRuns(here, '30 2 * * *', '2027-03-27T12:00:00Z', 2);
    expect(spring).toEqual(['2027-03-28T01:30:00.000Z', '2027-03-29T00:30:00.000Z']); // 3:30, then 2:30 in summer
    const autumn = await nextRuns(here, '30 2 * * *', '2027-10-30T12:00:00Z', 2);
    expect(autumn).toEqual(['2027-10-31T00:30:00.000Z', '2027-11-01T01:30:00.000Z']);
  });
});

const inBucket = { operation: 'counter.increment', params: { key: 'n', bucket: 'day' } };

test.each<[what: string, change: object, path: string, words: RegExp]>([
  ['neither cron nor everyMs', { cron: undefined }, 'cron', /one of the two/],
  ['both', { everyMs: 5_000 }, 'cron', /one of the two/],
  ['a cron expression of 4 fields', { cron: '0 0 * *' }, 'cron', /has 4/],
  ['a cron expression that is none', { cron: '61 0 * * *' }, 'cron', /is not a cron expression/],
  ['a day that never comes', { cron: '0 0 30 2 *' }, 'cron', /never comes|not a cron/],
  ['a time zone that is none', { timeZone: 'Mars/Olympus' }, 'timeZone', /is not a time zone/],
  ['a time zone with everyMs', { cron: undefined, everyMs: 5_000, timeZone: 'UTC' }, 'timeZone', /leave it out/],
  ['every half a second', { cron: undefined, everyMs: 500 }, 'everyMs', /from 1000/],
  ['every two years', { cron: undefined, everyMs: 2 * 365 * 24 * HOUR }, 'everyMs', /365 days/],
  ['an id with spaces', { id: 'a b' }, 'id', /letters, digits/],
  ['an empty id', { id: '' }, 'id', /letters, digits/],
  ['something unknown', { tz: 'UTC' }, '', /tz/],
  [
    'an idempotency key',
    { update: { ...increment('n'), idempotencyKey: 'k' } },
    'update.idempotencyKey',
    /leave it out/,
  ],
  ['a bucket', { update: inBucket }, 'update.params.bucket', /leave it out/],
  [
    'a bucket within a transaction',
    { update: { operation: 'transaction', params: { updates: [increment('n'), inBucket] } } },
    'update.params.updates[1].params.bucket',
    /leave it out/,
  ],
  ['a delay', { update: { ...increment('n'), delayMs: 5 } }, 'update', /leave out delayMs/],
  ['no update', { update: undefined }, 'update', /object/],
  ['params that are not valid', { update: { ...increment('n'), params: {} } }, 'update.params.key', /./],
])('%s is refused by name, and nothing is stored', async (_, change, path, words) => {
  const here = place();
  const request = { id: 'a', cron: '0 0 * * *', update: increment('n'), ...change };
  const error: unknown = await here
    .producer()
    .schedules.put(request)
    .then(
      () => undefined,
      (refusal: unknown) => refusal,
    );
  expect(error).toBeInstanceOf(ValidationError);
  const issues: readonly ValidationIssue[] = (error as ValidationError).issues;
  expect(issues).toContainEqual(expect.objectContaining({ path, message: expect.stringMatching(words) as string }));
  expect(await keysLike(here, `${here.namespace}*schedules*`)).toEqual([]);
});
