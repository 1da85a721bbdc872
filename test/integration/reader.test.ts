import { expect, test } from 'vitest';
import { withHistory } from '../../src/index.js';
import type { TopOptions } from '../../src/index.js';
import { monitor } from '../support/monitor.js';
import type { Seen } from '../support/monitor.js';
import { HoldCell } from '../../src/redis/cell.js';
import { createKeys } from '../../src/redis/keys.js';
import { ownRedis, place } from '../support/tally.js';

test('many cells come in their order, whatever they hold and wherever they lie', async () => {
  const here = place();
  const [plain, hash, board, text] = ['plain', 'hash', 'board', 'text'].map((name) => here.scattered(name));
  await here.client.set(plain!, '9007199254740991');
  await here.client.hset(hash!, 'f', '-3');
  await here.client.zadd(board!, 12, 'bo');
  await here.client.set(text!, '1.5');

  const readings = await here
    .reader()
    .get([
      { key: hash!, field: 'f' },
      { key: here.scattered('none') },
      { key: text! },
      { key: plain! },
      { key: board! },
      { key: board!, member: 'bo' },
      { key: hash!, field: 'none' },
      { key: plain!, member: 'bo' },
    ]);

  const anyText = expect.any(String) as string;
  expect(readings).toEqual([
    { key: hash, field: 'f', value: -3 },
    { key: here.scattered('none'), value: null },
    { key: text, code: 'NOT_AN_INTEGER', message: anyText },
    { key: plain, value: 9007199254740991 },
    { key: board, code: 'WRONG_TYPE', message: anyText },
    { key: board, member: 'bo', value: 12 },
    { key: hash, field: 'none', value: null },
    { key: plain, member: 'bo', code: 'WRONG_TYPE', message: anyText },
  ]);
});

test('a thousand cells are one round trip', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const cells = Array.from({ length: 1_000 }, (_, number) => ({ key: here.key(`n${number}`) }));
  await here.client.mset(cells.flatMap(({ key }, number) => [key, number]));
  const reader = here.reader();
  await reader.get(cells.slice(0, 1)); // connects
  const [[before]] = [await reads(here.client)];

  const readings = await reader.get(cells);

  expect(readings.map(({ value }) => value)).toEqual(cells.map((_, number) => number));
  // A server reads from a socket once for each piece that arrives: some for a thousand commands, not one for each.
  expect((await reads(here.client))[0] - before).toBeLessThan(20);
});

async function reads(client: { info: (section: string) => Promise<string> }): Promise<[number]> {
  return [Number(/total_reads_processed:(\d+)/.exec(await client.info('stats'))?.[1])];
}

test.each([
  [[], 'get: cells: name at least one cell'],
  [[{ key: '' }], 'get: cells.0.key: key must not be empty'],
  [[{ key: 'k', field: 'f', member: 'm' }], 'get: cells.0.member: give field (a hash) or member'],
  [Array.from({ length: 1_001 }, () => ({ key: 'k' })), 'get: cells: name 1000 cells at most'],
])('a question of cells that is not valid names the place: %#', async (cells, message) => {
  await expect(place().reader().get(cells)).rejects.toThrow(message);
});

/** ann 50, bo and cy 40, di 30, ed -1. */
async function fiveMembers(here: ReturnType<typeof place>): Promise<string> {
  const key = here.key('board');
  await here.client.zadd(key, 50, 'ann', 40, 'bo', 40, 'cy', 30, 'di', -1, 'ed');
  return key;
}

const shown = ({ entries }: { entries: readonly { rank: number; member: string; score: number }[] }) =>
  entries.map(({ rank, member, score }) => `${rank} ${member} ${score}`);

test('equal scores share a rank, on whichever page they stand', async () => {
  const here = place();
  const key = await fiveMembers(here);
  const reader = here.reader();

  expect(await reader.top(key)).toEqual({
    key,
    total: 5,
    entries: [
      { rank: 1, member: 'ann', score: 50 },
      { rank: 2, member: 'cy', score: 40 },
      { rank: 2, member: 'bo', score: 40 },
      { rank: 4, member: 'di', score: 30 },
      { rank: 5, member: 'ed', score: -1 },
    ],
  });
  expect(shown(await reader.top(key, { offset: 2, limit: 2 }))).toEqual(['2 bo 40', '4 di 30']);
  expect(shown(await reader.top(key, { order: 'asc', limit: 4 }))).toEqual([
    '1 ed -1',
    '2 di 30',
    '3 bo 40',
    '3 cy 40',
  ]);
  expect(shown(await reader.top(key, { order: 'asc', offset: 3 }))).toEqual(['3 cy 40', '5 ann 50']);
  expect(shown(await reader.top(key, { ranking: 'ordinal', offset: 1, limit: 2 }))).toEqual(['2 cy 40', '3 bo 40']);
  expect(await reader.top(key, { offset: 5 })).toEqual({ key, total: 5, entries: [] });
  expect(await reader.top(here.key('none'))).toEqual({ key: here.key('none'), total: 0, entries: [] });
});

test('a member is told with its rank and its neighbours', async () => {
  const here = place();
  const key = await fiveMembers(here);
  const reader = here.reader();

  const bo = { rank: 2, member: 'bo', score: 40 };
  expect(await reader.rank(key, 'bo')).toEqual({ key, total: 5, ...bo, entries: [bo] });
  const around = await reader.rank(key, 'bo', { around: 1 });
  expect(around).toMatchObject(bo);
  expect(shown(around!)).toEqual(['2 cy 40', '2 bo 40', '4 di 30']);
  expect(shown((await reader.rank(key, 'ann', { around: 2 }))!)).toEqual(['1 ann 50', '2 cy 40', '2 bo 40']);
  expect(await reader.rank(key, 'bo', { ranking: 'ordinal' })).toMatchObject({ rank: 3 });
  expect(await reader.rank(key, 'bo', { order: 'asc' })).toMatchObject({ rank: 3 });
  expect(await reader.rank(key, 'none')).toBeUndefined();
  expect(await reader.rank(here.key('none'), 'bo')).toBeUndefined();
});

test('ranks are those that all scores in order give', async () => {
  const here = place();
  const key = here.key('board');
  const scores = Array.from({ length: 60 }, (_, number) => ({ member: `m${number}`, score: (number * 7) % 11 }));
  await here.client.zadd(key, ...scores.flatMap(({ member, score }) => [score, member]));
  const reader = here.reader();

  for (const order of ['desc', 'asc'] as const) {
    const isBetter = (one: number, other: number) => (order === 'desc' ? one > other : one < other);
    for (const offset of [0, 1, 5, 6, 7, 29, 59]) {
      const { entries } = await reader.top(key, { order, offset, limit: 9 });
      for (const { rank, member, score } of entries) {
        const better = scores.filter((other) => isBetter(other.score, score)).length;
        expect({ order, offset, member, rank }).toEqual({ order, offset, member, rank: better + 1 });
      }
    }
  }
});

test('a leaderboard of 100,000 members is read without a look at all of them', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const { client } = here;
  const fill = "for n = ARGV[1], ARGV[1] + 9999 do redis.call('ZADD', KEYS[1], n % 1000, 'member-' .. n) end";
  for (let first = 1; first <= 100_000; first += 10_000) {
    await client.eval(fill, 1, 'board', first); // in parts: a busy machine takes longer for all than a command may
  }
  const seen: Seen[] = [];
  await monitor(client.masters()[0]!, (command, source) => source !== 'lua' && seen.push(command));

  const reading = here.reader();
  expect((await reading.top('board')).entries).toHaveLength(10);
  expect((await reading.top('board', { offset: 49_999, limit: 2 })).entries.map(({ rank }) => rank)).toEqual([
    49_901, 50_001,
  ]);
  expect(await reading.rank('board', 'member-7', { around: 2 })).toMatchObject({ rank: 99_201, score: 7 });

  const asked = seen.filter(([name]) => name.startsWith('z'));
  expect([...new Set(asked.map(([name]) => name))].sort()).toEqual([
    'zcard',
    'zcount',
    'zrevrange',
    'zrevrank',
    'zscore',
  ]);
  const ranges = asked.filter(([name]) => name === 'zrevrange');
  const sizes = ranges.map(([, , from, to]) => Number(to) - Number(from) + 1); // of 0 and -1, which is all: 0
  expect([Math.min(...sizes), Math.max(...sizes)]).toEqual([2, 10]); // the others take no longer for a longer board
});

test('a leaderboard says what is no sorted set, and what is no integer', async () => {
  const here = place();
  const reader = here.reader();
  await here.client.set(here.key('plain'), 1);
  await here.client.zadd(here.key('board'), 1.5, 'half', 1, 'one');
  await expect(reader.top(here.key('plain'))).rejects.toMatchObject({ code: 'WRONG_TYPE' });
  await expect(reader.rank(here.key('plain'), 'm')).rejects.toMatchObject({ code: 'WRONG_TYPE' });
  await expect(reader.top(here.key('board'))).rejects.toMatchObject({
    code: 'NOT_AN_INTEGER',
    message: expect.stringContaining('member "half"') as string,
  });
  expect(shown(await reader.top(here.key('board'), { offset: 1 }))).toEqual(['2 one 1']);
});

test.each([
  [{ limit: 0 }, 'top: limit: must be a whole number from 1 to 1000'],
  [{ limit: 1_001 }, 'top: limit: must be a whole number from 1 to 1000'],
  [{ offset: -1 }, 'top: offset: must be a whole number from 0 to 1000000000'],
  [{ order: 'up' as 'asc' }, 'top: order: must be "desc"'],
  [{ ranking: 'dense' as 'shared' }, 'top: ranking: must be "shared"'],
  [{ size: 3 } as { limit?: number }, 'top: unknown option "size"'],
])('an option of a leaderboard that is not valid is named: %#', async (options, message) => {
  await expect(
    place()
      .reader()
      .top('board', options as TopOptions),
  ).rejects.toThrow(message);
});

test('the history of a cell is told, the latest change first', async () => {
  const here = place();
  await here.worker({ operations: [withHistory('counter.increment', 10)] });
  const { counters } = here.producer();
  const key = here.key('n');
  for (const by of [5, 2]) {
    await (await counters.increment({ key, by })).outcome();
  }
  const changes = await here.reader().history({ key });
  expect(changes).toMatchObject([
    { operation: 'counter.increment', before: 5, after: 7 },
    { operation: 'counter.increment', before: 0, after: 5 },
  ]);
  expect(Math.abs((changes[0]?.atMs ?? 0) - Date.now())).toBeLessThan(60_000);
  expect(await here.reader().history({ key: here.key('none') })).toEqual([]);
});

test('the open reservations of a stock are told, those that end first in front', async () => {
  const here = place();
  await here.worker();
  const producer = here.producer();
  const stock = { key: here.key('stock'), field: 'lamp' };
  await (await producer.inventory.restock({ ...stock, quantity: 10 })).outcome();
  for (const [reservation, quantity, ttlSeconds] of [
    ['late', 2, 600],
    ['soon', 3, 300],
    ['over', 4, 800],
  ] as const) {
    await (await producer.inventory.reserve({ ...stock, quantity, reservation, ttlSeconds })).outcome();
  }
  const reader = here.reader();
  const { key, field } = stock;
  const { key: ends } = createKeys(here).hold(new HoldCell(stock, 'end'));
  await here.client.zadd(ends, 1, 'over'); // before a worker gives it back
  const expiresAt = expect.stringMatching(/^\d{4}-.*Z$/) as string;
  const [soon, late] = [
    { reservation: 'soon', quantity: 3, expiresAt },
    { reservation: 'late', quantity: 2, expiresAt },
  ];
  const all = { ...stock, held: 5, total: 2, reservations: [soon, late] };
  expect(await reader.reservations(key, { field })).toEqual(all);
  expect(await reader.reservations(key, { field, limit: 1 })).toEqual({ ...all, reservations: [soon] });
  expect(await reader.reservations(key, { field, offset: 1 })).toEqual({ ...all, reservations: [late] });
  expect(await reader.reservations(key)).toEqual({ key, held: 0, total: 0, reservations: [] });
  await expect(reader.reservations(key, { limit: 0 })).rejects.toThrow(/limit/);
  await expect(reader.reservations(key, { field, member: 'm' })).rejects.toThrow(/member/);
});

test('a reader whose Redis is away says so in time', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const reader = here.reader();
  await reader.get([{ key: 'n' }]);
  await redis.stop();
  await expect(reader.get([{ key: 'n' }])).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
  await expect(reader.top('board')).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
});
