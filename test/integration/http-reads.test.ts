import { expect, test } from 'vitest';
import { startApi } from '../support/http-api.js';
import type { ShownProblem } from '../support/http-api.js';
import { ownRedis, place, until } from '../support/tally.js';

test('cells of all three kinds are read, with the time that they have left', async () => {
  const here = place();
  const { get } = await startApi(here);
  const [plain, hash, board] = [here.key('count'), here.key('hash'), here.key('board +%&ä')];
  await here.client.set(plain, '-7', 'EX', 100);
  await here.client.hset(hash, 'a field', '9007199254740991');
  await here.client.zadd(board, 12, 'bo');
  const path = (query: Record<string, string>) => `/v1/cells?${new URLSearchParams(query).toString()}`;
  expect(await get(path({ key: plain }))).toMatchObject({
    status: 200,
    body: { key: plain, value: -7, ttlSeconds: 100 },
  });
  expect((await get(path({ key: hash, field: 'a field' }))).body).toEqual({
    key: hash,
    field: 'a field',
    value: 9007199254740991,
  });
  expect((await get(path({ key: board, member: 'bo' }))).body).toEqual({ key: board, member: 'bo', value: 12 });
});

test('what is missing, of another type, not an integer or reserved is told apart', async () => {
  const here = place();
  const { get } = await startApi(here);
  const [text, hash] = [here.key('text'), here.key('hash')];
  await here.client.set(text, '1.5');
  await here.client.hset(hash, 'f', 'x');
  const answers = [
    [`key=${here.key('none')}`, 404, 'CELL_NOT_FOUND'],
    [`key=${hash}&field=none`, 404, 'CELL_NOT_FOUND'],
    [`key=${hash}`, 409, 'WRONG_TYPE'],
    [`key=${text}&member=m`, 409, 'WRONG_TYPE'],
    [`key=${text}`, 409, 'NOT_AN_INTEGER'],
    [`key=${hash}&field=f`, 409, 'NOT_AN_INTEGER'],
    [`key=${here.namespace}:job:1`, 422, 'RESERVED_KEY'],
    [`key=${here.partition.prefix}:counters:wait`, 422, 'RESERVED_KEY'],
  ] as const;
  for (const [query, status, code] of answers) {
    const answer = await get<ShownProblem>(`/v1/cells?${query}`);
    expect({ query, status: answer.status, code: answer.body.code }).toEqual({ query, status, code });
  }
});

test('the operations are listed with their queues and the schemas of their params', async () => {
  const { get } = await startApi(place());
  const { body } = await get<{ operations: { name: string }[] }>('/v1/operations');
  expect(body.operations).toHaveLength(18);
  expect(body.operations.find(({ name }) => name === 'inventory.take')).toMatchObject({
    queue: 'inventory',
    description: expect.stringContaining('never below zero') as string,
    params: {
      type: 'object',
      required: ['key', 'quantity'],
      properties: { quantity: { type: 'integer', minimum: 1 }, whenShort: { enum: ['floor', 'reject'] } },
    },
  });
});

test('the server is healthy without Redis, but ready only with it', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const { api, get } = await startApi(here, { submitTimeoutMs: 500 });
  const ready = async () => (await get('/readyz')).status;
  expect(await ready()).toBe(200);
  await redis.stop();
  expect(await get('/readyz')).toMatchObject({ status: 503, body: { code: 'NOT_READY' } });
  expect(await get('/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  await redis.start();
  await until('it is ready again', async () => (await ready()) === 200);

  await here.client.config('SET', 'maxmemory-policy', 'allkeys-lru');
  expect(await get('/readyz')).toMatchObject({
    status: 503,
    body: { code: 'NOT_READY', errors: [{ path: 'maxmemory-policy' }] },
  });
  await here.client.config('SET', 'maxmemory-policy', 'noeviction');
  expect(await ready()).toBe(200);
  api.drain();
  expect(await get('/readyz')).toMatchObject({ status: 503, body: { errors: [{ code: 'STOPPING' }] } });
  expect(await get('/healthz')).toMatchObject({ status: 200 });
});

test('the page of documentation loads nothing from elsewhere', async () => {
  const { request } = await startApi(place());
  const page = await request('/docs');
  expect(page.status).toBe(200);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
  const html = await page.text();
  const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);
  expect(links.length).toBeGreaterThan(3);
  for (const link of links) {
    const loaded = await request(new URL(link, page.url).pathname);
    expect({ link, status: loaded.status }).toEqual({ link, status: 200 });
  }
  const initializer = await (await request('/docs/swagger-initializer.js')).text();
  expect(initializer).toContain("url: '../openapi.json'");
  expect(initializer).not.toContain('http');
});

test('no proxy may keep an answer, whatever it says', async () => {
  const { request } = await startApi(place());
  for (const path of ['/v1/operations', '/v1/cells?key=none', '/v1/updates/none', '/v1/updates']) {
    expect((await request(path)).headers.get('cache-control')).toBe('no-store');
  }
  expect((await request('/docs/')).headers.get('cache-control')).toContain('max-age=3600');
});

test('answers carry headers for safety, and none that tells what serves them', async () => {
  const { request } = await startApi(place());
  const { headers } = await request('/v1/operations');
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('x-frame-options')).toBe('SAMEORIGIN');
  expect(headers.get('x-powered-by')).toBeNull();
  expect(headers.get('access-control-allow-origin')).toBeNull();
});

test.each(['{}', 'null', '{"updates":null}', '{"updates":[]}', 'no JSON'])(
  'an update whose job was edited to hold %s is not found any more',
  async (data) => {
    const here = place();
    const { get } = await startApi(here);
    const { id, jobId } = await here.producer().counters.increment({ key: here.key('n') });
    expect((await get(`/v1/updates/${id}`)).status).toBe(200);
    await here.client.hset(`${here.partition.prefix}:counters:${jobId}`, 'data', data);
    expect(await get(`/v1/updates/${id}`)).toMatchObject({ status: 404, body: { code: 'UPDATE_NOT_FOUND' } });
  },
);
