import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { cellObject, defineOperation } from '../../src/index.js';
import { startApi } from '../support/http-api.js';
import type { ShownProblem, ShownUpdate } from '../support/http-api.js';
import { keysLike, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const increment = (key: string, by = 1) => ({ operation: 'counter.increment', params: { key, by } });

async function jobOf(here: Place, queue: string, jobId: string): Promise<Record<string, string>> {
  return here.client.hgetall(`${here.partition.prefix}:${queue}:${jobId}`);
}

test('an update is accepted at once, and found by its id until and after it is applied', async () => {
  const here = place();
  const { get, post } = await startApi(here);
  const key = here.key('count');
  const accepted = await post('/v1/updates', increment(key, 5));
  expect(accepted).toMatchObject({ status: 202, body: { updates: [{ status: 'accepted' }] } });
  const { id } = accepted.body.updates[0]!;
  const jobId = id.slice(0, 36);
  expect(accepted.body).toEqual({ updates: [{ id: `${jobId}.0`, status: 'accepted' }] });
  expect(await get(`/v1/updates/${id}`)).toMatchObject({
    status: 200,
    body: { id, operation: 'counter.increment', status: 'accepted', attempts: 0, jobId },
  });

  await here.worker();
  await until('it is applied', async () => (await get<ShownUpdate>(`/v1/updates/${id}`)).body.status === 'applied');
  expect((await get(`/v1/updates/${id}`)).body).toEqual({
    id,
    operation: 'counter.increment',
    status: 'applied',
    result: { value: 5, applied: 5 },
    attempts: 1,
    jobId,
  });
});

test('with a wait, outcomes of all kinds are answered in the order of the request', async () => {
  const here = place();
  const { post } = await startApi(here);
  await here.worker();
  await here.client.rpush(here.key('list'), 'not a counter');
  const { status, body } = await post('/v1/updates?wait=10000', [
    increment(here.key('count'), 3),
    { operation: 'inventory.take', params: { key: here.key('lamp'), quantity: 2, whenShort: 'reject' } },
    increment(here.key('list')),
    { operation: 'xp.award', params: { key: here.key('bo'), amount: 7 } },
  ]);
  expect(status).toBe(200);
  expect(body.updates).toMatchObject([
    { status: 'applied', result: { value: 3, applied: 3 } },
    { status: 'rejected', reason: 'INSUFFICIENT_STOCK', message: `"${here.key('lamp')}" has 0 in stock, 2 wanted` },
    { status: 'failed', reason: 'WRONG_TYPE' },
    { status: 'applied', result: { xp: 7 } },
  ]);
});

test('what is not done within the wait is answered as accepted, in time', async () => {
  const here = place();
  const { post } = await startApi(here);
  const startedAt = Date.now();
  for (const waitMs of [0, 200]) {
    const { status, body } = await post(`/v1/updates?wait=${waitMs}`, [increment(here.key('count'))]);
    expect({ status, outcomes: body.updates.map((update) => update.status) }).toEqual({
      status: 200,
      outcomes: ['accepted'],
    });
  }
  expect(Date.now() - startedAt).toBeLessThan(10_000); // 200 ms, and a busy machine
});

test('1,000 updates in one request are all applied', async () => {
  const here = place();
  const { post } = await startApi(here);
  await here.worker();
  const updates = Array.from({ length: 1_000 }, (_, index) => increment(here.key(`n-${index % 10}`)));
  const { body } = await post('/v1/updates?wait=20000', updates);
  expect(new Set(body.updates.map(({ id }) => id)).size).toBe(1_000);
  expect(body.updates.every((update) => update.status === 'applied')).toBe(true);
  expect(await here.client.get(here.key('n-3'))).toBe('100');
});

test('all updates of a request are valid or none is accepted, and each bad field is named', async () => {
  const here = place();
  const { post } = await startApi(here);
  const updates = [
    increment(here.key('a')),
    increment(here.key('b'), 0),
    { operation: 'counter.incremnt', params: {} },
  ];
  const { status, headers, body } = await post<ShownProblem>('/v1/updates', updates);
  expect(status).toBe(422);
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(body.errors).toMatchObject([
    { path: '[1].params.by', code: 'INVALID_PARAMS' },
    { path: '[2].operation', code: 'UNKNOWN_OPERATION', message: expect.stringContaining('did you mean') as string },
  ]);
  expect(await keysLike(here, `*${here.prefix}*`)).toEqual([]);
});

test('a repeat with the same idempotency key answers with the first outcome, in the body or as a header', async () => {
  const here = place();
  const { post } = await startApi(here);
  await here.worker();
  const [key, idempotencyKey] = [here.key('count'), here.key('order')];
  const first = await post('/v1/updates?wait=10000', { ...increment(key, 5), idempotencyKey });
  expect(first.body.updates).toMatchObject([{ status: 'applied', result: { value: 5 } }]);
  expect(first.body.updates[0]).not.toHaveProperty('duplicate');

  const repeated = [{ ...first.body.updates[0], duplicate: true }];
  const byHeader = await post('/v1/updates?wait=10000', increment(key, 5), { 'idempotency-key': idempotencyKey });
  expect(byHeader).toMatchObject({ status: 200, body: { updates: repeated } });
  const withoutWait = await post('/v1/updates', { ...increment(key, 5), idempotencyKey });
  expect(withoutWait).toMatchObject({ status: 202, body: { updates: repeated } });
  const inArray = await post('/v1/updates?wait=10000', [{ ...increment(key, 5), idempotencyKey }]);
  expect(inArray.body.updates).toEqual(repeated);
  expect(await here.client.get(key)).toBe('5');
});

test('an idempotency key that is known to belong to another update is a 422, and nothing is accepted', async () => {
  const here = place();
  const { post } = await startApi(here);
  await here.worker();
  const [key, other, idempotencyKey] = [here.key('count'), here.key('other'), here.key('order')];
  await post('/v1/updates?wait=10000', { ...increment(key, 5), idempotencyKey });

  const single = await post<ShownProblem>('/v1/updates', { ...increment(key, 6), idempotencyKey });
  expect(single).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_CONFLICT', accepted: 'none' } });
  expect(single.body.errors?.map(({ path }) => path)).toEqual(['idempotencyKey']);

  const array = [
    increment(other),
    { ...increment(key, 6), idempotencyKey },
    { ...increment(key, 5), idempotencyKey },
    { operation: 'counter.increment', params: { key: other }, idempotencyKey },
  ];
  const many = await post<ShownProblem>('/v1/updates?wait=1000', array);
  expect(many).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_CONFLICT' } });
  expect(many.body.errors?.map(({ path }) => path)).toEqual(['[1].idempotencyKey', '[3].idempotencyKey']);
  expect(await here.client.exists(other)).toBe(0);
  expect(await here.client.get(key)).toBe('5');
});

test('an update that stood for too long is told as unknown', async () => {
  const here = place();
  const { get, post } = await startApi(here, { idempotencyWindowMs: 1_000 });
  const { body } = await post('/v1/updates', { ...increment(here.key('n'), 5), idempotencyKey: here.key('k') });
  const { id } = body.updates[0]!;
  const sentAtMs = Date.now();
  await until('its window is over', async () => Number((await here.client.time())[0]) * 1_000 > sentAtMs + 1_000);
  await here.worker();
  await until(
    'it has an outcome',
    async () => (await get<ShownUpdate>(`/v1/updates/${id}`)).body.status !== 'accepted',
  );
  expect((await get(`/v1/updates/${id}`)).body).toMatchObject({
    id,
    status: 'unknown',
    reason: 'TOO_OLD',
    attempts: 1,
  });
  expect(await here.client.exists(here.key('n'))).toBe(0);
});

test('a key that is used twice before its first update has run has the outcome conflict', async () => {
  const here = place();
  const { get, post } = await startApi(here);
  const [key, idempotencyKey] = [here.key('count'), here.key('order')];
  await post('/v1/updates', { ...increment(key, 5), idempotencyKey });
  const second = await post('/v1/updates', { ...increment(key, 6), idempotencyKey });
  expect(second.status).toBe(202);
  await here.worker();
  const path = `/v1/updates/${second.body.updates[0]!.id}`;
  await until('it has an outcome', async () => (await get<ShownUpdate>(path)).body.status !== 'accepted');
  expect((await get(path)).body).toMatchObject({ status: 'conflict', reason: 'IDEMPOTENCY_CONFLICT' });
});

test('an update that fails within a batch is followed into the job that the batch put back', async () => {
  const here = place();
  const { get, post } = await startApi(here);
  const wrong = here.key('wrong');
  await here.client.rpush(wrong, 'not a counter');
  const accepted = await post('/v1/updates', [increment(here.key('a')), increment(wrong, 4), increment(here.key('b'))]);
  const { id } = accepted.body.updates[1]!;
  await here.worker();
  const find = async () => (await get<ShownUpdate>(`/v1/updates/${id}`)).body;
  await until('it has failed', async () => (await find()).status === 'failed');
  expect(await find()).toMatchObject({
    id,
    operation: 'counter.increment',
    reason: 'WRONG_TYPE',
    jobId: id,
    attempts: 1,
  });

  const waited = await post('/v1/updates?wait=10000', [increment(here.key('a')), increment(wrong)]);
  expect(waited.body.updates).toMatchObject([{ status: 'applied' }, { status: 'failed', reason: 'WRONG_TYPE' }]);
});

test('an id that no update has, or whose job is gone, is not found', async () => {
  const here = place();
  const { get, post } = await startApi(here);
  const { body } = await post('/v1/updates', increment(here.key('count')));
  const { id } = body.updates[0]!;
  const jobId = id.slice(0, 36);
  const unknown = [`${jobId}.1`, jobId, `${'0'.repeat(36)}.0`, 'nonsense', '..%2f..%2fetc', 'counters:wait'];
  for (const it of unknown) {
    expect(await get(`/v1/updates/${it}`)).toMatchObject({ status: 404, body: { code: 'UPDATE_NOT_FOUND' } });
  }
  await here.client.del(`${here.partition.prefix}:counters:${jobId}`);
  expect(await get(`/v1/updates/${id}`)).toMatchObject({ status: 404, body: { code: 'UPDATE_NOT_FOUND' } });
});

test("the caller's request id and place in a trace are in the answer, in the log and in the job", async () => {
  const here = place();
  const lines: string[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  const { post } = await startApi(here, { logger: pino({ level: 'info' }, sink) });
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const { headers, body } = await post('/v1/updates', increment(here.key('count')), {
    'x-request-id': 'shop-42',
    traceparent,
  });
  expect(headers.get('x-request-id')).toBe('shop-42');
  const jobId = body.updates[0]!.id.slice(0, 36);
  const { tm } = JSON.parse((await jobOf(here, 'counters', jobId))['opts']!) as { tm: string };
  expect(JSON.parse(tm)).toEqual({ requestIds: ['shop-42'], traceparent });
  await until('the request is logged', () => lines.length > 0);
  expect(JSON.parse(lines.join(''))).toMatchObject({ req: { id: 'shop-42' }, res: { statusCode: 202 }, jobs: [jobId] });
});

test('a job of many requests names all of them', async () => {
  const here = place();
  const { post } = await startApi(here);
  const ids = Array.from({ length: 50 }, (_, index) => `request-${index}`);
  await Promise.all(ids.map((id) => post('/v1/updates', increment(here.key('count')), { 'x-request-id': id })));
  const jobIds = await here.client.lrange(`${here.partition.prefix}:counters:wait`, 0, -1);
  const named: string[] = [];
  for (const jobId of jobIds) {
    const { tm } = JSON.parse((await jobOf(here, 'counters', jobId))['opts']!) as { tm: string };
    named.push(...(JSON.parse(tm) as { requestIds: string[] }).requestIds);
  }
  expect(named.sort()).toEqual([...ids].sort());
});

test('a job that a batch put back names the requests of the batch', async () => {
  const here = place();
  const { post } = await startApi(here);
  const wrong = here.key('wrong');
  await here.client.rpush(wrong, 'not a counter');
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const headers = { 'x-request-id': 'shop-42', traceparent };
  const { body } = await post('/v1/updates', [increment(here.key('a')), increment(wrong)], headers);
  await here.worker();
  const { id } = body.updates[1]!;
  await until(
    'it is put back',
    async () => (await here.client.exists(`${here.partition.prefix}:counters:${id}`)) === 1,
  );
  const { tm } = JSON.parse((await jobOf(here, 'counters', id))['opts']!) as { tm: string };
  expect(JSON.parse(tm)).toEqual({ requestIds: ['shop-42'], traceparent });
});

test('a request id that is no plain word is replaced, and a traceparent that is none is left out', async () => {
  const here = place();
  const { post } = await startApi(here);
  const bad = {
    'x-request-id': 'a b"<script>',
    traceparent: '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
  };
  const { headers, body } = await post('/v1/updates', increment(here.key('count')), bad);
  const requestId = headers.get('x-request-id')!;
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  const { opts } = await jobOf(here, 'counters', body.updates[0]!.id.slice(0, 36));
  expect(JSON.parse((JSON.parse(opts!) as { tm: string }).tm)).toEqual({ requestIds: [requestId] });
});

test("an operation of the user's own is served like the others", async () => {
  const here = place();
  const double = defineOperation({
    name: 'twice.add',
    params: cellObject({}),
    cells: (params) => [params],
    lua: 'return function(cells) return { cells[1] + 2 }, { cells[1] + 2 } end',
    result: ([value = 0]) => ({ value }),
  });
  const { get, post } = await startApi(here, { operations: [double] });
  await here.worker({ operations: [double] });
  const update = { operation: 'twice.add', params: { key: here.key('n') } };
  const { body } = await post('/v1/updates?wait=10000', update);
  expect(body.updates).toMatchObject([{ status: 'applied', result: { value: 2 } }]);
  const { operations } = (await get<{ operations: { name: string }[] }>('/v1/operations')).body;
  expect(operations.map(({ name }) => name)).toContain('twice.add');
});
