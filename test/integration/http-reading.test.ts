import { expect, test } from 'vitest';
import { addKey, callerWith } from '../support/api-keys.js';
import { startApi } from '../support/http-api.js';
import type { ShownProblem } from '../support/http-api.js';
import { place } from '../support/tally.js';
import { withHistory } from '../../src/index.js';
import { toMs } from '../../src/redis/server-time.js';

test('many cells are read with one request, in their order', async () => {
  const here = place();
  const { post } = await startApi(here);
  const [plain, board, none] = [here.key('plain'), here.key('board'), here.key('none')];
  await here.client.set(plain, 7);
  await here.client.zadd(board, 12, 'bo');
  const question = { cells: [{ key: none }, { key: plain }, { key: board, member: 'bo' }, { key: board }] };

  const { status, body } = await post<{ cells: object[] }>('/v1/cells/read', question);

  expect(status).toBe(200);
  expect(body.cells).toEqual([
    { key: none, value: null },
    { key: plain, value: 7 },
    { key: board, member: 'bo', value: 12 },
    { key: board, code: 'WRONG_TYPE', message: expect.stringContaining(board) as string },
  ]);
});

test.each([
  [{ cells: [] }, 'cells'],
  [{ cells: Array.from({ length: 1_001 }, () => ({ key: 'k' })) }, 'cells'],
  [{ cells: [{ key: 'k' }, { key: '' }] }, 'cells[1].key'],
  [{ cells: [{ key: 'k', name: 'f' }] }, 'name'],
  [{ cells: 'k' }, 'cells'],
  [[], ''],
])('a question of many cells that is not valid names the place: %#', async (question, path) => {
  const { post } = await startApi(place());
  expect(await post<ShownProblem>('/v1/cells/read', question)).toMatchObject({
    status: 422,
    body: { code: 'INVALID_QUERY', errors: [{ path }] },
  });
});

test('a key reads what its patterns allow: cells, histories and leaderboards', async () => {
  const here = place();
  const api = await startApi(here);
  const { secret } = await addKey(here, { keys: [`${here.key('mine')}*`], readOnly: true });
  const { get, post } = callerWith(api, `Bearer ${secret}`);
  const [mine, other] = [here.key('mine:1'), here.key('other')];
  await here.client.zadd(mine, 3, 'ann');

  expect(await post('/v1/cells/read', { cells: [{ key: mine, member: 'ann' }] })).toMatchObject({ status: 200 });
  expect(await get(`/v1/leaderboards?key=${mine}`)).toMatchObject({ status: 200 });
  expect(await get(`/v1/cells/history?key=${mine}`)).toMatchObject({ status: 200 });
  const refused = [
    [await post('/v1/cells/read', { cells: [{ key: mine }, { key: other }] }), 'cells[1].key'],
    [await get(`/v1/leaderboards?key=${other}`), 'key'],
    [await get(`/v1/leaderboards?key=${other}&member=ann`), 'key'],
    [await get(`/v1/cells/history?key=${other}`), 'key'],
  ] as const;
  for (const [answer, path] of refused) {
    expect(answer).toMatchObject({ status: 403, body: { code: 'FORBIDDEN', errors: [{ path }] } });
  }
});

test("what is Tally's own is not read", async () => {
  const here = place();
  const { get, post } = await startApi(here);
  const own = `${here.namespace}:api-keys`;
  expect(await post('/v1/cells/read', { cells: [{ key: own, field: 'f' }] })).toMatchObject({
    status: 422,
    body: { code: 'RESERVED_KEY', errors: [{ path: 'cells[0].key' }] },
  });
  expect(await get(`/v1/leaderboards?key=${own}`)).toMatchObject({ status: 422, body: { code: 'RESERVED_KEY' } });
  expect(await get(`/v1/cells/history?key=${own}`)).toMatchObject({ status: 422, body: { code: 'RESERVED_KEY' } });
});

test('a leaderboard is told by pages and around a member', async () => {
  const here = place();
  const { get } = await startApi(here);
  const key = here.key('board');
  await here.client.zadd(key, 50, 'ann', 40, 'bo', 40, 'cy', 30, 'di');
  const path = (query: string) => `/v1/leaderboards?key=${key}${query}`;

  expect((await get(path('&limit=2&offset=2'))).body).toEqual({
    key,
    total: 4,
    entries: [
      { rank: 2, member: 'bo', score: 40 },
      { rank: 4, member: 'di', score: 30 },
    ],
  });
  expect((await get(path('&member=di&around=1&order=asc&ranking=ordinal'))).body).toEqual({
    key,
    total: 4,
    ...{ rank: 1, member: 'di', score: 30 },
    entries: [
      { rank: 1, member: 'di', score: 30 },
      { rank: 2, member: 'bo', score: 40 },
    ],
  });
  expect(await get(path('&member=none'))).toMatchObject({ status: 404, body: { code: 'CELL_NOT_FOUND' } });
  expect((await get(`/v1/leaderboards?key=${here.key('none')}`)).body).toMatchObject({ total: 0, entries: [] });
});

test('the leaderboard of a bucket is told by a time within it, by itself that of now', async () => {
  const here = place();
  const { get } = await startApi(here);
  const key = here.key('season');
  const month = new Date(toMs(await here.client.time())).toISOString().slice(0, 7);
  await here.client.zadd(`${key}:${month}`, 1, 'now');
  await here.client.zadd(`${key}:2025-11`, 2, 'then');
  const path = `/v1/leaderboards?key=${key}&bucket=month`;
  expect((await get(path)).body).toMatchObject({ key: `${key}:${month}`, entries: [{ member: 'now' }] });
  const inBerlin = `${path}&timeZone=Europe/Berlin&at=2025-10-31T23:30:00Z`;
  expect((await get(inBerlin)).body).toMatchObject({ key: `${key}:2025-11`, entries: [{ member: 'then' }] });
  const inMs = `${path}&at=${Date.parse('2025-11-02')}`;
  expect((await get(inMs)).body).toMatchObject({ key: `${key}:2025-11`, entries: [{ member: 'then' }] });
  expect((await get(`${inBerlin}&member=then`)).body).toMatchObject({ key: `${key}:2025-11`, rank: 1 });
});

test.each([
  ['limit=0', 'limit'],
  ['bucket=decade', 'bucket'],
  ['bucket=month&at=today', 'at'],
  ['bucket=month&timeZone=Berlin', 'timeZone'],
  ['at=2025-10-31T23:30:00Z', 'at'],
  ['timeZone=Europe/Berlin', 'timeZone'],
  ['limit=1001', 'limit'],
  ['limit=ten', 'limit'],
  ['offset=-1', 'offset'],
  ['order=up', 'order'],
  ['ranking=dense', 'ranking'],
  ['around=2', 'around'],
  ['member=m&around=501', 'around'],
  ['member=m&limit=2', 'member'],
  ['by=2', 'by'],
])('the query %s of a leaderboard is refused by its name', async (query, path) => {
  const { get } = await startApi(place());
  expect(await get(`/v1/leaderboards?key=k&${query}`)).toMatchObject({
    status: 422,
    body: { code: 'INVALID_QUERY', errors: [{ path }] },
  });
});

test('the last changes of a cell are told', async () => {
  const here = place();
  await here.worker({ operations: [withHistory('counter.increment', 10)] });
  const { get, post } = await startApi(here);
  const key = here.key('n');
  await post('/v1/updates?wait=10000', { operation: 'counter.increment', params: { key, by: 5 } });
  expect((await get(`/v1/cells/history?key=${key}`)).body).toEqual({
    key,
    changes: [
      {
        atMs: expect.any(Number) as number,
        jobId: expect.any(String) as string,
        operation: 'counter.increment',
        before: 0,
        after: 5,
      },
    ],
  });
});
