import { randomBytes } from 'node:crypto';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineOperation } from '../../src/index.js';
import { pointsMove } from '../lua/samples.js';
import { followAt } from '../support/event-source.js';
import { startApi } from '../support/http-api.js';
import { ownRedis, place, until } from '../support/tally.js';
import { startReceiver } from '../support/webhook-receiver.js';

interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, { responses: Record<string, { content: Record<string, unknown> }> }>>;
  components: { schemas: Record<string, { description?: string }> };
}

/** Checks answers against the document; the schemas are found in it by their places. */
function checker(document: OpenApi) {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  ajv.addSchema(document, 'openapi');
  const pointer = (...parts: string[]) =>
    `openapi#/${parts.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;
  return (path: string, method: string, status: number, contentType: string, body: unknown) => {
    const place = ['paths', path, method, 'responses', String(status), 'content', contentType, 'schema'];
    const validate = ajv.getSchema(pointer(...place));
    if (validate === undefined) {
      throw new Error(`${method} ${path} has no documented answer ${status} ${contentType}`);
    }
    void validate(body);
    expect({ path, status, errors: validate.errors }).toEqual({ path, status, errors: null });
  };
}

test('the document has no errors by the recommended rules of a public linter', async () => {
  const { request } = await startApi(place());
  const source = await (await request('/openapi.json')).text();
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lintFromString({ source, config, absoluteRef: 'openapi.json' });
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
});

test('the document says for which reasons each operation may be rejected', async () => {
  const { request } = await startApi(place());
  const { components } = (await (await request('/openapi.json')).json()) as OpenApi;
  const descriptionOf = (name: string) => components.schemas[name]?.description;

  expect(descriptionOf('inventory.take')).toMatch(/ Its reasons to be rejected: `INSUFFICIENT_STOCK`\.$/);
  expect(descriptionOf('inventory.confirm')).toMatch(/ Its reasons to be rejected: .*`EXPIRED`/);
});

test('the result of an update is documented as that of one of the operations, whose own may be anything', async () => {
  const withoutSchema = pointsMove;
  const documents = await Promise.all(
    [[], [withoutSchema]].map(async (operations) => {
      const { request } = await startApi(place(), { operations });
      return (await (await request('/openapi.json')).json()) as OpenApi;
    }),
  );
  const fits = documents.map((document) => {
    const ajv = new Ajv2020({ strict: false });
    (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
    ajv.addSchema(document, 'openapi');
    const isResult = ajv.getSchema('openapi#/components/schemas/Result')!;
    const isOf = (name: string) => ajv.getSchema(`openapi#/components/schemas/${name}-result`)!;
    return {
      applied: isResult({ value: 1, applied: 1 }),
      else: isResult({ value: 1, from: 2 }),
      own: [isOf('counter.increment')({ value: 1, applied: 1 }), isOf('counter.increment')({ value: 1 })],
      inner: [{ value: 1, applied: 1 }, { from: 2 }].map((it) => isOf('transaction')({ results: [it] })),
    };
  });
  expect(fits).toEqual([
    { applied: true, else: false, own: [true, false], inner: [true, false] },
    { applied: true, else: true, own: [true, false], inner: [true, true] },
  ]);
});

test("what schemas of an operation of one's own say of their own parts holds within the document", async () => {
  const Coin = z.object({ worth: z.int() }).meta({ id: 'Coin' });
  const Purse = z.object({
    coins: z.array(Coin),
    get inner() {
      return z.array(Purse).optional();
    },
  });
  const pursesFill = defineOperation({
    name: 'purses.fill',
    params: z.object({ from: z.string(), purse: Purse }),
    resultSchema: Purse,
    cells: ({ from }) => [{ key: from }],
    args: () => [],
    lua: 'return function(cells) return cells, cells end',
    result: (): z.output<typeof Purse> => ({ coins: [] }),
  });
  const { request, post } = await startApi(place(), { operations: [pursesFill] });
  const document = (await (await request('/openapi.json')).json()) as OpenApi;
  const ajv = new Ajv2020({ strict: false });
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  ajv.addSchema(document, 'openapi');
  const [isResult, isUpdate] = ['purses.fill-result', 'purses.fill'].map((name) =>
    ajv.getSchema(`openapi#/components/schemas/${name}`)!,
  );
  const purse = (worth: unknown) => ({ coins: [], inner: [{ coins: [{ worth }] }] });
  const update = (worth: unknown) => ({ operation: 'purses.fill', params: { from: 'a', purse: purse(worth) } });
  expect([5, 'five'].map((worth) => [isResult!(purse(worth)), isUpdate!(update(worth))])).toEqual([
    [true, true],
    [false, false],
  ]);
  const statuses = [5, 'five'].map(async (worth) => (await post('/v1/updates', update(worth))).status);
  expect(await Promise.all(statuses)).toEqual([202, 422]);
});

test('an event is documented with its data as JSON, or in base64', async () => {
  const { request } = await startApi(place());
  const document = (await (await request('/openapi.json')).json()) as OpenApi;
  const ajv = new Ajv2020({ strict: false });
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  const isEvent = ajv.compile(document.components.schemas['Event']!);
  const event = { specversion: '1.0', id: '1', source: '/s', type: 'tally.counter.increment' };
  const [data, data_base64] = [{ key: 'n' }, Buffer.from('{"key":"n"}').toString('base64')];
  expect([{ data }, { data_base64 }].map((given) => isEvent({ ...event, ...given }))).toEqual([true, true]);
  expect([{}, { data, data_base64 }].map((given) => isEvent({ ...event, ...given }))).toEqual([false, false]);
});

test('every documented endpoint answers as documented, when all is well and when not', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const receiver = await startReceiver();
  const webhooks = { sealingKeys: [randomBytes(32)], allowHttp: true, allowedNetworks: ['127.0.0.1'] };
  const { request, origin } = await startApi(here, { submitTimeoutMs: 500, outcomes: true, webhooks });
  await here.worker({ outcomes: true });
  const document = (await (await request('/openapi.json')).json()) as OpenApi;
  expect(document.openapi).toMatch(/^3\.1\./);
  const check = checker(document);
  const called = new Set<string>();
  type Method = 'get' | 'post' | 'put' | 'delete';
  const call = async (method: Method, path: string, url: string, body?: unknown, type = 'application/json') => {
    const answer = await request(url, {
      method: method.toUpperCase(),
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': type } }),
    });
    const text = await answer.text();
    called.add(`${method} ${path} ${answer.status}`);
    if (text === '') {
      expect(document.paths[path]![method]!.responses[answer.status]).not.toHaveProperty('content');
      return { updates: [], id: '' };
    }
    const contentType = answer.headers.get('content-type')!.split(';')[0]!;
    check(path, method, answer.status, contentType, JSON.parse(text));
    return JSON.parse(text) as { updates: { id: string }[]; id: string };
  };
  const key = here.key('count');
  const update = { operation: 'counter.increment', params: { key } };
  const cart = { operation: 'inventory.takeAll', params: { items: [{ key: here.key('lamp'), quantity: 1 }] } };
  const event = { specversion: '1.0', id: '1', source: '/s', type: 'tally.counter.increment', data: { key } };
  const structured = 'application/cloudevents+json';

  const { updates } = await call('post', '/v1/updates', '/v1/updates', update);
  await call('post', '/v1/updates', '/v1/updates?wait=5000', [update, cart, { ...update, idempotencyKey: 'k' }]);
  await call('post', '/v1/updates', '/v1/updates?wait=5000', { ...update, idempotencyKey: 'k' });
  await call('post', '/v1/updates', '/v1/updates', { ...update, params: { key, by: 2 }, idempotencyKey: 'k' });
  await call('post', '/v1/updates', '/v1/updates', { operation: 'x' });
  await call('post', '/v1/updates', '/v1/updates', update, 'text/plain');
  await call('post', '/v1/updates', '/v1/updates', Array(1_001).fill(update));
  await call('get', '/v1/updates/{id}', `/v1/updates/${updates[0]!.id}`);
  await call('get', '/v1/updates/{id}', '/v1/updates/none');
  await call('get', '/v1/updates', '/v1/updates?operation=counter.increment&idempotencyKey=k');
  await call('get', '/v1/updates', '/v1/updates?operation=counter.increment&idempotencyKey=none');
  await call('get', '/v1/updates', '/v1/updates');
  await call('delete', '/v1/updates/{id}', '/v1/updates/none');
  await call('delete', '/v1/updates/{id}', `/v1/updates/${updates[0]!.id}`);
  const later = await call('post', '/v1/updates', '/v1/updates', { ...update, delayMs: 60_000, priority: 1 });
  await call('delete', '/v1/updates/{id}', `/v1/updates/${later.updates[0]!.id}`);
  const revert = '/v1/updates/{id}/revert';
  await call('post', revert, `/v1/updates/${updates[0]!.id}/revert?wait=5000`);
  await call('post', revert, `/v1/updates/${updates[0]!.id}/revert`);
  await call('post', revert, `/v1/updates/${later.updates[0]!.id}/revert`);
  await call('post', revert, '/v1/updates/none/revert');
  const one = ['/v1/schedules/{id}', '/v1/schedules/a'] as const;
  await call('put', ...one, { cron: '0 0 * * *', timeZone: 'Europe/Berlin', update });
  await call('put', ...one, { everyMs: 60_000, update });
  await call('put', ...one, { everyMs: 6, update: { ...update, params: {} } });
  await until('it ran', async () => (await (await request('/v1/schedules/a')).text()).includes('lastRun'));
  await call('get', ...one);
  await call('get', '/v1/schedules', '/v1/schedules');
  await call('delete', ...one);
  await call('delete', ...one);
  await call('get', ...one);
  await call('post', '/v1/events', '/v1/events', event, structured);
  await call('post', '/v1/events', '/v1/events?wait=5000', { ...event, id: '2' }, structured);
  await call('post', '/v1/events', '/v1/events', { ...event, id: '' }, structured);
  await call('get', '/v1/cells', `/v1/cells?key=${key}`);
  await call('get', '/v1/cells', '/v1/cells?key=none');
  await call('get', '/v1/cells', '/v1/cells');
  const reserve = { key, quantity: 1, reservation: 'r', ttlSeconds: 600 };
  await call('post', '/v1/updates', '/v1/updates?wait=5000', [
    { operation: 'inventory.reserve', params: reserve },
    { operation: 'inventory.reserve', params: reserve },
  ]);
  await call('get', '/v1/cells/reservations', `/v1/cells/reservations?key=${key}`);
  await call('get', '/v1/cells/reservations', '/v1/cells/reservations?key=a&limit=0');
  await here.client.rpush('list', '1');
  await call('get', '/v1/cells', '/v1/cells?key=list');
  await here.client.set('half', '1.5');
  await call('post', '/v1/cells/read', '/v1/cells/read', {
    cells: [{ key }, { key: 'none' }, { key: 'list' }, { key: 'half' }],
  });
  await call('post', '/v1/cells/read', '/v1/cells/read', { cells: [] });
  const range = 'bucket=day&from=2026-11-01&to=2026-11-02';
  await call('get', '/v1/cells/sum', `/v1/cells/sum?key=${key}&${range}`);
  await call('get', '/v1/cells/sum', '/v1/cells/sum');
  await call('get', '/v1/cells/history', `/v1/cells/history?key=${key}`);
  await here.client.zadd('board', 3, 'ann', 2, 'bo');
  await call('get', '/v1/leaderboards', '/v1/leaderboards?key=board&limit=1&offset=1');
  await call('get', '/v1/leaderboards', '/v1/leaderboards?key=board&member=bo&around=1');
  await call('get', '/v1/leaderboards', '/v1/leaderboards?key=board&member=none');
  await call('get', '/v1/leaderboards', '/v1/leaderboards?key=list');
  const follower = await followAt(`${origin}/v1/outcomes?from=beginning`);
  await follower.until('an outcome is told', () => follower.outcomes().length > 0);
  check('/v1/outcomes', 'get', follower.status, 'text/event-stream', 'event: outcome');
  called.add(`get /v1/outcomes ${follower.status}`);
  follower.leave();
  await call('get', '/v1/outcomes', '/v1/outcomes?lastEventId=nonsense');
  await call('get', '/v1/outcomes', '/v1/outcomes?status=done');
  await call('post', '/v1/outcomes/tokens', '/v1/outcomes/tokens', { origin: 'https://shop.example' });
  await call('post', '/v1/outcomes/tokens', '/v1/outcomes/tokens', { origin: 'shop' });
  await call('post', '/v1/webhooks', '/v1/webhooks', { url: 'https://127.0.0.2/' });
  await call('post', '/v1/webhooks', '/v1/webhooks', {});
  const hook = { url: receiver.url, crosses: 'below:5', statuses: ['applied'], keys: ['*'], perMinute: 60 };
  const { id } = await call('post', '/v1/webhooks', '/v1/webhooks', hook);
  const ofHook = (part = '') => [`/v1/webhooks/{id}${part}`, `/v1/webhooks/${id}${part}`] as const;
  await call('get', '/v1/webhooks', '/v1/webhooks');
  await call('get', ...ofHook());
  await call('post', ...ofHook('/secret'));
  await call('post', ...ofHook('/disable'));
  const since = '2026-01-01T00:00:00Z';
  await call('post', ...ofHook('/replay'), { since });
  await call('post', ...ofHook('/enable'));
  await call('post', ...ofHook('/replay'), { since });
  await call('delete', ...ofHook());
  await call('delete', ...ofHook());
  await call('get', '/v1/queues', '/v1/queues');
  await call('get', '/v1/failures', '/v1/failures?limit=1');
  await call('get', '/v1/failures', '/v1/failures?limit=-1');
  for (const change of ['retry', 'remove'] as const) {
    await call('post', `/v1/failures/${change}`, `/v1/failures/${change}`, { dryRun: true });
    await call('post', `/v1/failures/${change}`, `/v1/failures/${change}`, { reason: 1 });
  }
  await call('get', '/asyncapi.json', '/asyncapi.json');
  await call('get', '/v1/operations', '/v1/operations');
  await call('get', '/healthz', '/healthz');
  await call('get', '/readyz', '/readyz');
  await call('get', '/openapi.json', '/openapi.json');
  await redis.stop();
  await call('get', '/readyz', '/readyz');
  await call('post', '/v1/updates', '/v1/updates', update);
  await call('get', '/v1/updates/{id}', `/v1/updates/${updates[0]!.id}`);
  await call('get', '/v1/cells', `/v1/cells?key=${key}`);

  await redis.start(); // the worker could not close without it

  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { responses }]) => ({
      endpoint: `${method} ${path}`,
      good: Object.keys(responses).filter((status) => status.startsWith('2')),
    })),
  );
  expect(documented.map(({ endpoint }) => endpoint).sort()).toEqual(
    [...new Set([...called].map((it) => it.replace(/ \d+$/, '')))].sort(),
  );
  for (const { endpoint, good } of documented) {
    expect(
      good.filter((status) => !called.has(`${endpoint} ${status}`)).map((status) => `${endpoint} ${status}`),
    ).toEqual([]);
  }
});
