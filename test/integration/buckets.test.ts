import { expect, onTestFinished, test } from 'vitest';
import { addKey, callerWith } from '../support/api-keys.js';
import { startApi } from '../support/http-api.js';
import { startRedisWithClock } from '../support/redis-clock/redis-with-clock.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { place } from '../support/tally.js';

const HOUR_MS = 3_600_000;

/** Where an update that happened so many hours ago counts, by day. */
function dayOf(hoursAgo: number): string {
  return new Date(Date.now() - hoursAgo * HOUR_MS).toISOString().slice(0, 10);
}

test('counters, XP and scores count in the buckets of their time, of all three kinds of cells', async () => {
  const here = place();
  await here.worker();
  const { counters, xp, scores } = here.producer();
  const at = '2026-11-27T23:30:00Z';
  const submissions = [
    await counters.increment({ key: here.key('views'), by: 3, bucket: 'day', at }),
    await counters.increment({ key: here.key('views'), by: 2, bucket: 'day', at, timeZone: 'Europe/Berlin' }),
    await counters.decrement({ key: here.key('left'), bucket: 'hour', at }),
    await counters.set({ key: here.key('best'), value: 9, bucket: 'year', at }),
    await xp.award({ key: here.key('xp'), field: 'ann', amount: 5, bucket: 'week', at }),
    await scores.add({ entries: [{ key: here.key('board'), member: 'ann', by: 7 }], bucket: 'month', at }),
    await scores.best({ key: here.key('board'), member: 'bo', value: 8, bucket: 'month', at }),
  ];
  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));
  expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => 'applied'));

  const { client } = here;
  const key = (name: string) => here.key(name);
  expect(await client.get(key('views:2026-11-27'))).toBe('3');
  expect(await client.get(key('views:2026-11-28'))).toBe('2');
  expect(await client.get(key('left:2026-11-27T23'))).toBe('-1');
  expect(await client.get(key('best:2026'))).toBe('9');
  expect(await client.hget(key('xp:2026-W48'), 'ann')).toBe('5');
  expect(await client.zscore(key('board:2026-11'), 'ann')).toBe('7');
  expect(await client.zscore(key('board:2026-11'), 'bo')).toBe('8');
  expect(await client.exists(key('views'), key('board'), key('xp'))).toBe(0);
  expect(await client.ttl(key('board:2026-11'))).toBe(-1);
});

test('in the library a time is also a Date: of an update, of a leaderboard, of a sum', async () => {
  const here = place();
  await here.worker();
  const { counters, scores } = here.producer();
  const reader = here.reader();
  const at = new Date('2026-11-27T23:30:00Z');
  const [views, board] = [here.key('views'), here.key('board')];
  const submissions = [
    await counters.increment({ key: views, by: 3, bucket: 'day', at, timeZone: 'Europe/Berlin' }),
    await scores.add({ entries: [{ key: board, member: 'ann', by: 7 }], bucket: 'month', at }),
  ];
  expect(await Promise.all(submissions.map((each) => each.outcome()))).toMatchObject(
    Array(2).fill({ status: 'applied' }),
  );
  expect(await reader.sum(views, { bucket: 'day', from: at, to: at, timeZone: 'Europe/Berlin' })).toMatchObject({
    sum: 3,
    series: [{ bucket: '2026-11-28' }],
  });
  expect(await reader.top(board, { bucket: 'month', at })).toMatchObject({ key: `${board}:2026-11`, total: 1 });
  const inSeconds = reader.top(board, { bucket: 'month', at: at.getTime() / 1_000 });
  await expect(inSeconds).rejects.toThrow(/at: looks like seconds: give ms since 1970/);
});

test('without a time, an update counts when it is sent, by the clock of Redis', async () => {
  const here = place();
  await here.worker();
  const before = dayOf(0);
  await (await here.producer().counters.increment({ key: here.key('views'), bucket: 'day' })).outcome();
  const values = await here.client.mget([before, dayOf(0)].map((day) => here.key(`views:${day}`)));
  expect(values).toContain('1');
});

test('buckets have a life of their own: keys, hashes and sorted sets', async () => {
  const here = place();
  await here.worker();
  const { counters, scores } = here.producer();
  const at = Date.now();
  const bucket = { bucket: 'day', keepBuckets: 2, at } as const;
  const submissions = [
    await counters.increment({ key: here.key('plain'), ...bucket }),
    await counters.increment({ key: here.key('hash'), field: 'f', ...bucket }),
    await scores.add({
      entries: ['ann', 'bo'].map((member) => ({ key: here.key('board'), member, by: 1 })),
      ...bucket,
    }),
  ];
  await Promise.all(submissions.map((submission) => submission.outcome()));
  const day = dayOf(0);
  const keys = ['plain', 'hash', 'board'].map((name) => here.key(`${name}:${day}`));
  const lives = () => Promise.all(keys.map((key) => here.client.ttl(key)));
  const wanted = (Date.parse(day) + 3 * 24 * HOUR_MS - at) / 1_000;
  for (const life of await lives()) {
    expect(Math.abs(life - wanted)).toBeLessThan(130);
  }

  await Promise.all(keys.map((key) => here.client.expire(key, 1_000)));
  const later = [
    await counters.increment({ key: here.key('plain'), ...bucket }),
    await counters.increment({ key: here.key('hash'), field: 'g', ...bucket }),
    await scores.add({ entries: [{ key: here.key('board'), member: 'cy', by: 1 }], ...bucket }),
  ];
  await Promise.all(later.map((submission) => submission.outcome()));
  for (const life of await lives()) {
    expect(life).toBeLessThanOrEqual(1_000); // the one that creates the bucket says how long it lives
  }
});

test('what comes too late is rejected and writes nothing, in a transaction too', async () => {
  const here = place();
  await here.worker();
  const producer = here.producer();
  const late = { key: here.key('views'), bucket: 'day', at: Date.now() - HOUR_MS, lateBySeconds: 60 } as const;
  expect(await (await producer.counters.increment(late)).outcome()).toEqual({
    status: 'rejected',
    reason: 'TOO_LATE',
    message: expect.stringContaining('more than 60 seconds after that (lateBySeconds)') as string,
  });
  const expired = { key: here.key('views'), bucket: 'day', at: Date.now() - 72 * HOUR_MS, keepBuckets: 1 } as const;
  const entries = [{ key: here.key('board'), member: 'ann', by: 1 }];
  const { key: _, ...ofBoard } = expired;
  expect(await (await producer.scores.add({ entries, ...ofBoard })).outcome()).toMatchObject({
    reason: 'TOO_LATE',
    message: expect.stringContaining('when the life of its bucket was over (keepBuckets is 1)') as string,
  });
  const updates = [
    { operation: 'counter.increment' as const, params: { key: here.key('all') } },
    { operation: 'counter.increment' as const, params: expired },
  ];
  const transaction = await producer.submit({ operation: 'transaction', params: { updates } });
  expect(await transaction.outcome()).toMatchObject({ status: 'rejected', reason: 'TOO_LATE', update: 1 });
  const inTime = await producer.counters.increment({ ...late, lateBySeconds: 7_200 });
  expect(await inTime.outcome()).toMatchObject({ status: 'applied', result: { value: 1 } });
  expect(
    await here.client.exists(here.key('all'), here.key(`views:${dayOf(72)}`), here.key(`board:${dayOf(72)}`)),
  ).toBe(0);
});

test('a late update that was in time when it was first sent is a duplicate, not late', async () => {
  skipUnlessOneServer('it moves the clock of a server of its own');
  const redis = await startRedisWithClock();
  onTestFinished(() => redis.stop());
  const here = place(redis.url, { staysUp: true });
  await here.worker();
  const { counters } = here.producer();
  const update = { key: here.key('views'), bucket: 'day', at: Date.now(), lateBySeconds: 600 } as const;
  const first = await counters.increment(update, { idempotencyKey: 'k' });
  expect(await first.outcome()).toMatchObject({ status: 'applied' });
  redis.clock.advance(601_000);
  const { counters: later } = here.producer(); // one that has asked for the time since
  const again = await later.increment(update, { idempotencyKey: 'k' });
  expect(await again.outcome()).toMatchObject({ status: 'applied', duplicate: true });
  const other = await later.increment(update, { idempotencyKey: 'other' });
  expect(await other.outcome()).toMatchObject({ reason: 'TOO_LATE' });
});

test('buckets are summed up and told one by one', async () => {
  const here = place();
  await here.worker();
  const { counters } = here.producer();
  const key = here.key('views');
  for (const [at, by] of [
    ['2026-10-24T12:00:00Z', 5],
    ['2026-10-25T23:30:00Z', 2],
    ['2026-10-26T10:00:00Z', 10],
  ] as const) {
    await (await counters.increment({ key, by, at, bucket: 'day', timeZone: 'Europe/Berlin' })).outcome();
  }
  const question = { bucket: 'day', from: '2026-10-24', to: '2026-10-26', timeZone: 'Europe/Berlin' } as const;
  expect(await here.reader().sum(key, question)).toEqual({
    key,
    sum: 17,
    series: [
      { bucket: '2026-10-24', startMs: Date.parse('2026-10-23T22:00:00Z'), value: 5 },
      { bucket: '2026-10-25', startMs: Date.parse('2026-10-24T22:00:00Z'), value: null },
      { bucket: '2026-10-26', startMs: Date.parse('2026-10-25T23:00:00Z'), value: 12 },
    ],
  });
  const { get } = await startApi(here);
  const query = new URLSearchParams({
    key,
    bucket: 'day',
    from: '2026-10-26T10:00:00Z',
    to: '2026-10-27',
    timeZone: 'Europe/Berlin',
  });
  expect(await get(`/v1/cells/sum?${query.toString()}`)).toMatchObject({
    status: 200,
    body: { key, sum: 12, series: [{ bucket: '2026-10-26' }, { bucket: '2026-10-27', value: null }] },
  });
  query.set('from', String(Date.parse('2026-10-26T10:00:00Z')));
  query.set('to', String(Date.parse('2026-10-26T22:30:00Z')));
  expect(await get(`/v1/cells/sum?${query.toString()}`)).toMatchObject({ status: 200, body: { key, sum: 12 } });
});

test('a sum that is no integer in range, or meets something else, says so', async () => {
  const here = place();
  const key = here.key('n');
  const reader = here.reader();
  const question = { bucket: 'day', from: '2026-11-01', to: '2026-11-02' } as const;
  await here.client.mset(`${key}:2026-11-01`, Number.MAX_SAFE_INTEGER, `${key}:2026-11-02`, 1);
  await expect(reader.sum(key, question)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
  await here.client.set(`${key}:2026-11-02`, '1.5');
  await expect(reader.sum(key, question)).rejects.toMatchObject({ code: 'NOT_AN_INTEGER' });
  const { get } = await startApi(here);
  const query = new URLSearchParams({ key, ...question });
  expect(await get(`/v1/cells/sum?${query.toString()}`)).toMatchObject({
    status: 409,
    body: { code: 'NOT_AN_INTEGER' },
  });
});

test.each([
  ['bucket=day&from=2026-11-02&to=2026-11-01', 'to'],
  ['bucket=hour&from=2026-01-01&to=2026-12-31', 'to'],
  ['bucket=minute&from=2026-11-02&to=2026-11-02', 'bucket'],
  ['bucket=day&from=yesterday&to=2026-11-02', 'from'],
  ['bucket=day&from=2026-11-01', 'to'],
  ['bucket=day&from=2026-11-01&to=2026-11-02&timeZone=Nowhere', 'timeZone'],
])('the query %s of a sum is refused by its name', async (query, path) => {
  const { get } = await startApi(place());
  expect(await get(`/v1/cells/sum?key=k&${query}`)).toMatchObject({
    status: 422,
    body: { code: 'INVALID_QUERY', errors: [{ path }] },
  });
});

test('a key that allows a key allows its buckets: to count in them and to sum them up', async () => {
  const here = place();
  await here.worker();
  const api = await startApi(here);
  const views = here.key('views');
  const { secret } = await addKey(here, { keys: [views] });
  const { get, post } = callerWith(api, `Bearer ${secret}`);
  const update = (key: string) => ({
    operation: 'counter.increment',
    params: { key, bucket: 'day', at: '2026-11-27T10:00:00Z' },
  });
  expect(await post('/v1/updates?wait=10000', update(views))).toMatchObject({
    body: { updates: [{ status: 'applied' }] },
  });
  expect(await get(`/v1/cells/sum?key=${views}&bucket=day&from=2026-11-27&to=2026-11-27`)).toMatchObject({
    body: { sum: 1 },
  });
  expect(await post('/v1/updates', update(here.key('other')))).toMatchObject({
    status: 403,
    body: { errors: [{ path: 'params.key', code: 'FORBIDDEN' }] },
  });
  // Without a bucket it is a key like any other.
  const byName = { operation: 'counter.increment', params: { key: `${views}:2026-11-27` } };
  expect(await post('/v1/updates', byName)).toMatchObject({ status: 403 });
  expect(await get(`/v1/cells?key=${views}:2026-11-27`)).toMatchObject({ status: 403 });
});
