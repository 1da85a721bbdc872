import { expect, test } from 'vitest';
import { withHistory } from '../../src/index.js';
import { tally } from '../support/command.js';
import { ENERGY_SPEND, moduleFile } from '../support/own-operations.js';
import { openQueue } from '../support/queues.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const environmentOf = (here: Place) => ({
  REDIS_URL: here.redis,
  TALLY_NAMESPACE: here.namespace,
  TALLY_PREFIX: here.prefix,
});

test('tally get prints several keys, and says which can not be told', async () => {
  const here = place();
  const environment = { REDIS_URL: here.redis };
  const [one, board, none] = [here.key('one'), here.key('board'), here.key('none')];
  await here.client.set(one, 1);
  await here.client.zadd(board, 3, 'ann');
  expect(await tally(environment, 'get', one, one)).toMatchObject({ code: 0, stdout: `${one} 1\n${one} 1\n` });
  const some = await tally(environment, 'get', one, board, none);
  expect(some).toMatchObject({ code: 1, stdout: `${one} 1\n` });
  expect(some.stderr).toContain(`"${board}" holds another type of value`);
  expect(some.stderr).toContain(`"${none}" does not exist`);
  const json = await tally(environment, 'get', board, none, '--member', 'ann', '--json');
  expect(JSON.parse(json.stdout)).toEqual([
    { key: board, member: 'ann', value: 3 },
    { key: none, member: 'ann', value: null },
  ]);
});

test('tally top prints a leaderboard, or where one member stands', async () => {
  const here = place();
  const top = (...flags: string[]) => tally({ REDIS_URL: here.redis }, 'top', here.key('board'), ...flags);
  await here.client.zadd(here.key('board'), 50, 'ann', 40, 'bo', 40, 'cy', 30, 'di');
  expect(await top()).toMatchObject({ code: 0, stdout: '1 ann 50\n2 cy 40\n2 bo 40\n4 di 30\n' });
  expect(await top('--order', 'asc', '--offset', '1', '--limit', '2', '--ranking', 'ordinal')).toMatchObject({
    code: 0,
    stdout: '2 bo 40\n3 cy 40\n',
  });
  expect(await top('--member', 'di', '--around', '1')).toMatchObject({ code: 0, stdout: '2 bo 40\n4 di 30\n' });
  expect(JSON.parse((await top('--member', 'bo', '--json')).stdout)).toMatchObject({ rank: 2, score: 40, total: 4 });
  expect(await top('--member', 'none')).toMatchObject({ code: 1, stdout: '' });
  await here.client.zadd(`${here.key('board')}:2025-W01`, 7, 'eve');
  const inBerlin = ['--bucket', 'week', '--time-zone', 'Europe/Berlin', '--at', '2024-12-29T23:30:00Z']; // Monday there
  expect(await top(...inBerlin)).toMatchObject({ code: 0, stdout: '1 eve 7\n' });
  const inMs = ['--bucket', 'week', '--at', String(Date.parse('2024-12-30'))];
  expect(await top(...inMs)).toMatchObject({ code: 0, stdout: '1 eve 7\n' });
  expect(await top('--bucket', 'week')).toMatchObject({ code: 0, stdout: '' });
  for (const [flag, value, words] of [
    ['--limit', 'ten', 'limit: must be a whole number from 1 to 1000'],
    ['--at', '2024-12-29T23:30:00Z', 'at: needs bucket'],
    ['--order', 'up', 'order: must be "desc"'],
    ['--around', '2', 'name it with --member'],
  ] as const) {
    const answer = await top(flag, value);
    expect(answer.code).toBe(2);
    expect(answer.stderr).toContain(words);
  }
});

test('tally sum prints the buckets of a range and their sum, in the time zone, of a field too', async () => {
  const here = place();
  const views = here.key('views');
  const berlin = ['--time-zone', 'Europe/Berlin'];
  const sum = (...flags: string[]) => tally(environmentOf(here), 'sum', views, '--bucket', 'day', ...flags);
  const range = ['--from', '2026-10-24', '--to', '2026-10-26'];
  await here.worker();
  const { counters } = here.producer();
  const daily = { bucket: 'day', timeZone: 'Europe/Berlin' } as const;
  for (const [at, by] of [
    ['2026-10-23T22:30:00Z', 5], // half past midnight of the 24th in Berlin
    ['2026-10-26T22:30:00Z', 7],
  ] as const) {
    await (await counters.increment({ key: views, by, ...daily, at })).outcome();
  }
  await here.client.hset(`${here.key('posts')}:2026-10-24`, 'one', 4);

  expect(await sum(...range, ...berlin)).toMatchObject({
    code: 0,
    stdout: '2026-10-24 5\n2026-10-25 -\n2026-10-26 7\nsum 12\n',
  });
  const inMs = [
    '--from',
    String(Date.parse('2026-10-25T23:30:00Z')),
    '--to',
    String(Date.parse('2026-10-26T10:00:00Z')),
  ];
  expect(await sum(...inMs, ...berlin)).toMatchObject({ code: 0, stdout: '2026-10-26 7\nsum 7\n' });
  const json = JSON.parse((await sum(...range, ...berlin, '--json')).stdout) as unknown;
  expect(json).toMatchObject({ key: views, sum: 12, series: [{ bucket: '2026-10-24', value: 5 }, {}, {}] });
  const ofField = ['--bucket', 'day', '--from', '2026-10-24', '--to', '2026-10-24', '--field', 'one'];
  expect(await tally(environmentOf(here), 'sum', here.key('posts'), ...ofField)).toMatchObject({
    code: 0,
    stdout: '2026-10-24 4\nsum 4\n',
  });
  for (const [flags, words] of [
    [['--from', 'monday', '--to', '2026-10-26'], 'from: must be a day'],
    [['--from', '2026-10-26', '--to', '2026-10-24'], 'to: is before from'],
    [[...range, '--time-zone', 'Berlin'], 'timeZone: is not the name of a time zone'],
    [[...range, '--bucket', 'decade'], 'bucket: must be one of hour, day'],
    [[...range, '--field', 'f', '--member', 'm'], 'not both'],
    [['--from', '2026-10-24'], "required option '--to <time>' not specified"],
  ] as const) {
    const answer = await sum(...flags);
    expect({ flags, code: answer.code, stdout: answer.stdout }).toEqual({ flags, code: 2, stdout: '' });
    expect(answer.stderr).toContain(words);
  }
  await here.client.hset(`${views}:2026-10-25`, 'f', 1);
  const wrong = await sum(...range, ...berlin);
  expect(wrong).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('another type') as string });
});

test('tally history prints the last changes of a key, the latest first', async () => {
  const here = place();
  const key = here.key('count');
  const history = (...flags: string[]) => tally(environmentOf(here), 'history', key, ...flags);
  expect(await history()).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringContaining('no changes of') as string,
  });
  await here.worker({
    operations: ['counter.increment', 'counter.remove'].map((name) => withHistory(name as never, 10)),
  });
  const { counters } = here.producer();
  await (await counters.increment({ key, by: 5 })).outcome();
  const removal = await counters.remove({ key });
  await removal.outcome();

  const { code, stdout } = await history();
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\S+Z counter.remove -5 - \S+\n\S+Z counter.increment \+5 5 \S+\n$/);
  expect(JSON.parse((await history('--json')).stdout)).toMatchObject({
    key,
    changes: [
      { operation: 'counter.remove', before: 5, after: null, jobId: removal.jobId },
      { operation: 'counter.increment', before: 0, after: 5 },
    ],
  });
  expect(await history('--field', 'f', '--member', 'm')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('not both') as string,
  });
});

test('tally find prints what became of an update, by its id or by its idempotency key', async () => {
  const here = place();
  const find = (...flags: string[]) => tally(environmentOf(here), 'find', ...flags);
  const order = ['--operation', 'inventory.take', '--idempotency-key', 'order-7'];
  const producer = here.producer();
  const other = here.producer({ idempotencyOwner: 'shop' });
  const take = { key: here.key('stock'), quantity: 1, whenShort: 'reject' } as const;
  const waiting = await producer.inventory.take(take, { idempotencyKey: 'order-7' });
  expect(await find(waiting.id)).toMatchObject({ code: 0, stdout: `accepted ${waiting.id}\n` });
  const unknown = await find(...order);
  expect(unknown).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('nothing is recorded') as string,
  });

  await here.worker();
  await waiting.outcome();
  await (await producer.inventory.restock({ key: take.key, quantity: 3 })).outcome();
  const ofShop = await other.inventory.take(take, { idempotencyKey: 'order-7' });
  await ofShop.outcome();
  for (const named of [[waiting.id], order]) {
    const answer = await find(...named);
    expect(answer).toMatchObject({ code: 1, stderr: '' });
    expect(answer.stdout).toMatch(/^rejected INSUFFICIENT_STOCK: /);
  }
  expect(await find(...order, '--owner', 'shop')).toMatchObject({
    code: 0,
    stdout: 'applied {"available":2,"taken":1}\n',
  });
  const json = await find(...order, '--owner', 'shop', '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({ id: ofShop.id, operation: 'inventory.take', status: 'applied' });
  await (await openQueue(here, 'inventory').getJob(ofShop.jobId))?.remove();
  expect(await find(...order, '--owner', 'shop')).toMatchObject({ code: 0, stdout: `applied ${ofShop.id}\n` });
});

test('tally find says what it does not take', async () => {
  const environment = environmentOf(place());
  for (const [flags, code, words] of [
    [[], 2, 'give the id of an update, or --operation and --idempotency-key'],
    [['x', '--idempotency-key', 'a'], 2, 'not both'],
    [['--idempotency-key', 'a'], 2, '--operation'],
    [['--operation', 'inventory.tak', '--idempotency-key', 'a'], 2, 'did you mean "inventory.take"?'],
    [['--operation', 'inventory.take', '--idempotency-key', ''], 2, 'idempotencyKey: '],
    [['--operation', 'inventory.take', '--idempotency-key', 'a', '--owner', ''], 2, '--owner'],
    [['x'], 1, 'no update has the id x; if it is that of a job, its updates are x.0 and on'],
  ] as const) {
    const answer = await tally(environment, 'find', ...flags);
    expect({ flags, code: answer.code, stdout: answer.stdout }).toEqual({ flags, code, stdout: '' });
    expect(answer.stderr).toContain(words);
  }
});

test("commands that read work beside a user's own operations", async () => {
  const here = place();
  const environment = { ...environmentOf(here), TALLY_OPERATIONS: moduleFile(ENERGY_SPEND) };
  const key = here.key('k');
  const day = ['--bucket', 'day', '--from', '2026-10-24', '--to', '2026-10-24'];
  for (const args of [
    ['sum', key, ...day],
    ['history', key],
    ['inventory', 'reservations', key],
  ]) {
    expect({ args, ...(await tally(environment, ...args)) }).toMatchObject({ args, code: 0 });
  }
  const unused = ['find', '--operation', 'energy.spend', '--idempotency-key', 'a'];
  expect((await tally(environment, ...unused)).stderr).toContain('nothing is recorded');
});
