import { expect, test } from 'vitest';
import { cellObject, defineOperation } from '../../src/index.js';
import { addKey, callerWith } from '../support/api-keys.js';
import type { Caller } from '../support/api-keys.js';
import { startApi } from '../support/http-api.js';
import { keysLike, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const increment = (key: string) => ({ operation: 'counter.increment', params: { key } });
const award = (key: string) => ({ operation: 'xp.award', params: { key, amount: 1 } });
const event = (key: string, type = 'tally.counter.increment') => {
  return { specversion: '1.0', id: key, source: '/s', type, data: { key } };
};

const STRUCTURED = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';

/** A caller that may count under `<test>:stock:` and award XP there, and one that may do everything. */
async function twoCallers(here: Place): Promise<{ limited: Caller; free: Caller }> {
  const api = await startApi(here);
  const limits = { operations: ['counter.*', 'xp.award', 'transaction'], keys: [here.key('stock:*')] };
  const [one, all] = [await addKey(here, limits), await addKey(here)];
  return { limited: callerWith(api, `Bearer ${one.secret}`), free: callerWith(api, `Bearer ${all.secret}`) };
}

/** What was refused and where. */
function refusalOf({ status, body }: Awaited<ReturnType<Caller['get']>>) {
  return { status, code: body.code, accepted: body.accepted, at: body.errors?.map(({ path }) => path) };
}

const forbidden = (...at: string[]) => ({ status: 403, code: 'FORBIDDEN', accepted: 'none', at });

/** All that the test has in Redis, but for the API keys. */
async function written(here: Place): Promise<string[]> {
  const found = await Promise.all(
    [here.key('*'), `${here.prefix}*`, `${here.namespace}*`].map((it) => keysLike(here, it)),
  );
  return found.flat().filter((key) => key !== `${here.namespace}:api-keys`);
}

test('once there is a key, every request without a valid one is a 401, and nothing is written', async () => {
  const here = place();
  const api = await startApi(here);
  const { id, secret } = await addKey(here);
  const other = secret.endsWith('A') ? 'B' : 'A';
  const bad = [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    secret,
    `Basic ${Buffer.from(`x:${secret}`).toString('base64')}`,
    `Bearer ${secret} `.padEnd(200, 'x'),
    `Bearer ${secret.slice(0, -1)}${other}`,
    `Bearer ${secret.slice(0, -1)}`,
    `Bearer ${secret}=`,
    `Bearer ${secret.replace(id, '000000000000')}`,
    `Bearer ${secret.replace(id, id.toUpperCase() + 'x')}`,
    `Bearer ${secret.replace('tally_', '')}`,
    'Bearer tally___proto___x',
    `Bearer ${id}`,
    `Token ${secret}`,
    `Bearer ${secret}, Bearer ${secret}`,
  ];
  const key = here.key('n');
  for (const authorization of bad) {
    const { get, post } = callerWith(api, authorization);
    const answers = await Promise.all([
      post('/v1/updates', increment(key)),
      post('/v1/events', event(key), STRUCTURED),
      post('/v1/updates', 'not even an update', 'text/plain'),
      get(`/v1/cells?key=${key}`),
      get('/v1/updates/none'),
      get('/v1/operations'),
      get('/v1/nothing'),
    ]);
    for (const { status, headers, body } of answers) {
      expect({ authorization, status, code: body.code }).toEqual({ authorization, status: 401, code: 'UNAUTHORIZED' });
      expect(headers.get('www-authenticate')).toBe('Bearer');
      expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(headers.get('ratelimit')).toBeNull();
      expect(JSON.stringify(body)).toBe(JSON.stringify({ ...answers[0].body, requestId: body.requestId }));
    }
  }
  expect(await written(here)).toEqual([]);
  for (const scheme of ['Bearer', 'bearer', 'BEARER ']) {
    expect((await callerWith(api, `${scheme} ${secret}`).post('/v1/updates', increment(key))).status).toBe(202);
  }
});

test('what tells nothing of the data needs no key', async () => {
  const here = place();
  const { request } = await startApi(here);
  await addKey(here);
  for (const path of ['/healthz', '/readyz', '/openapi.json', '/docs/']) {
    expect({ path, status: (await request(path)).status }).toEqual({ path, status: 200 });
  }
});

test('other ways to write a path lead to no endpoint without a key', async () => {
  const here = place();
  const { request } = await startApi(here);
  await addKey(here);
  for (const path of [
    '/V1/operations',
    '//v1/operations',
    '/v1//operations',
    '/%76%31/operations',
    '/v1/operations/',
  ]) {
    expect({ path, status: (await request(path)).status }).toEqual({
      path,
      status: expect.toBeOneOf([401, 404]) as number,
    });
  }
});

test('updates beyond the key are a 403 that names each place, and none of the request is accepted', async () => {
  const here = place();
  const { limited } = await twoCallers(here);
  const [mine, theirs] = [here.key('stock:a'), here.key('xp:bo')];
  const restock = (key: string) => ({ operation: 'inventory.restock', params: { key, quantity: 1 } });
  const one = async (update: unknown) => refusalOf(await limited.post('/v1/updates?wait=0', update));

  expect(await one(increment(theirs))).toEqual(forbidden('params.key'));
  expect(await one(restock(mine))).toEqual(forbidden('operation'));
  expect(await one(restock(theirs))).toEqual(forbidden('operation', 'params.key'));
  expect(await one({ operation: 'counter.increment', params: { key: theirs, field: mine } })).toEqual(
    forbidden('params.key'),
  );
  expect(await one([increment(mine), increment(theirs), restock(mine), award(mine)])).toEqual(
    forbidden('[1].params.key', '[2].operation'),
  );
  expect(await one({ operation: 'transaction', params: { updates: [increment(mine), restock(theirs)] } })).toEqual(
    forbidden('params.updates[1].operation', 'params.updates[1].params.key'),
  );
  expect(await one([{ operation: 'transaction', params: { updates: [increment(theirs), award(mine)] } }])).toEqual(
    forbidden('[0].params.updates[0].params.key'),
  );
  expect(await written(here)).toEqual([]);

  const good = [
    increment(mine),
    award(mine),
    { operation: 'transaction', params: { updates: [increment(mine), award(mine)] } },
  ];
  expect(await limited.post('/v1/updates', good)).toMatchObject({ status: 202, body: { updates: { length: 3 } } });
});

test('every cell of an update has to be allowed, also one that the operation makes up', async () => {
  const here = place();
  const twin = defineOperation({
    name: 'twin.add',
    params: cellObject({}),
    cells: ({ key }) => [{ key }, { key: `${key}:twin` }],
    lua: 'return function(cells) return { cells[1] + 1, cells[2] + 1 }, {} end',
    result: () => ({}),
  });
  const api = await startApi(here, { operations: [twin] });
  const { secret } = await addKey(here, { keys: [here.key('?'), here.key('a')] });
  const { post } = callerWith(api, `Bearer ${secret}`);
  const items = [here.key('a'), here.key('b'), here.key('c')].map((key) => ({ key, quantity: 1 }));
  const entries = items.map(({ key }) => ({ key, by: 1 }));
  const updates = [
    { operation: 'inventory.takeAll', params: { items } },
    { operation: 'scores.add', params: { entries } },
    { operation: 'twin.add', params: { key: here.key('a') } },
    { operation: 'twin.add', params: { key: here.key('?') } },
    increment(here.key('?')),
  ];
  expect(refusalOf(await post('/v1/updates', updates))).toEqual(
    forbidden(
      ...[
        '[0].params.items[1].key',
        '[0].params.items[2].key',
        '[1].params.entries[1].key',
        '[1].params.entries[2].key',
      ],
      ...['[2].params', '[3].params'],
    ),
  );
  expect(await written(here)).toEqual([]);
});

test('an update that is not valid is refused as such before its key is looked at, and a reserved key stays one', async () => {
  const here = place();
  const { free, limited } = await twoCallers(here);
  expect(await limited.post('/v1/updates', { operation: 'counter.increment', params: {} })).toMatchObject({
    status: 422,
  });
  const keysOfTally = increment(`${here.namespace}:api-keys`);
  expect(await free.post('/v1/updates', keysOfTally)).toMatchObject({ status: 422, body: { code: 'RESERVED_KEY' } });
  expect(await free.get(`/v1/cells?key=${here.namespace}:api-keys`)).toMatchObject({ body: { code: 'RESERVED_KEY' } });
});

test('events are held to the key like updates, in the words of events', async () => {
  const here = place();
  const { limited } = await twoCallers(here);
  const [mine, theirs] = [here.key('stock:a'), here.key('xp:bo')];
  const refusals = [
    await limited.post('/v1/events', event(theirs), STRUCTURED),
    await limited.post('/v1/events', [event(mine), event(theirs)], BATCH),
    await limited.post(
      '/v1/events',
      { ...event(mine, 'tally.inventory.restock'), data: { key: mine, quantity: 1 } },
      STRUCTURED,
    ),
  ];
  expect(refusals.map(refusalOf)).toEqual([forbidden('data.key'), forbidden('[1].data.key'), forbidden('type')]);
  expect(await written(here)).toEqual([]);
  expect((await limited.post('/v1/events', [event(mine)], BATCH)).status).toBe(202);
});

test('cells are read, updates found and operations listed as far as the key goes', async () => {
  const here = place();
  const { limited, free } = await twoCallers(here);
  await here.worker();
  const [mine, theirs] = [here.key('stock:a'), here.key('xp:bo')];
  const { body } = await free.post('/v1/updates?wait=10000', [
    increment(mine),
    increment(theirs),
    { operation: 'inventory.restock', params: { key: mine, quantity: 1 } },
    { operation: 'transaction', params: { updates: [award(mine), award(theirs)] } },
    { operation: 'transaction', params: { updates: [award(mine), increment(mine)] } },
  ]);
  const seenBy = ({ get }: Caller) =>
    Promise.all(body.updates.map(async ({ id }) => (await get(`/v1/updates/${id}`)).status));
  expect(await seenBy(free)).toEqual([200, 200, 200, 200, 200]);
  expect(await seenBy(limited)).toEqual([200, 404, 404, 404, 200]);
  const hidden = await limited.get(`/v1/updates/${body.updates[1]!.id}`);
  const unknown = await limited.get('/v1/updates/none');
  expect({ ...hidden.body, requestId: '' }).toEqual({ ...unknown.body, requestId: '' });

  expect(await limited.get(`/v1/cells?key=${mine}`)).toMatchObject({ status: 200 });
  for (const key of [theirs, here.key('none'), `${here.namespace}:api-keys`]) {
    expect(await limited.get(`/v1/cells?key=${key}`)).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN', errors: [{ path: 'key' }] },
    });
  }
  const named = async ({ get }: Caller) => {
    const { operations } = (await get('/v1/operations')).body as unknown as { operations: { name: string }[] };
    return operations.map(({ name }) => name);
  };
  expect(await named(limited)).toEqual([
    'counter.increment',
    'counter.decrement',
    'counter.set',
    'counter.remove',
    'xp.award',
    'transaction',
  ]);
  expect(await named(free)).toHaveLength(18);
});

test('an update whose job was edited beyond sense is shown to no API key, but found by the library', async () => {
  const here = place();
  const { free } = await twoCallers(here);
  const { id } = (await free.post('/v1/updates', increment(here.key('n')))).body.updates[0]!;
  await here.client.hset(`${here.partition.prefix}:counters:${id.slice(0, 36)}`, 'data', '{"updates":[{"key":5}]}');
  expect((await free.get(`/v1/updates/${id}`)).status).toBe(404);
  expect(await here.producer().find(id)).toMatchObject({ id, params: { key: 5 } });
});

test('a key that may only read reads, and submits nothing', async () => {
  const here = place();
  const api = await startApi(here);
  const { secret } = await addKey(here, { readOnly: true });
  const { get, post } = callerWith(api, `Bearer ${secret}`);
  await here.client.set(here.key('n'), '4');
  expect(await get(`/v1/cells?key=${here.key('n')}`)).toMatchObject({ status: 200, body: { value: 4 } });
  expect(refusalOf(await post('/v1/updates', increment(here.key('n'))))).toEqual(forbidden('operation'));
  expect(refusalOf(await post('/v1/events', event(here.key('n')), STRUCTURED))).toEqual(forbidden('type'));
  expect(await written(here)).toEqual([here.key('n')]);
});

test('in a pattern only * stands for something else than itself', async () => {
  const here = place();
  const api = await startApi(here);
  const { secret } = await addKey(here, {
    keys: ['a.c', 'x?', '[a-z]+', '^q$', 'p\\*', 'm*n*'].map((it) => here.key(it)),
  });
  const { get } = callerWith(api, `Bearer ${secret}`);
  const status = async (key: string) =>
    (await get(`/v1/cells?${new URLSearchParams({ key: here.key(key) }).toString()}`)).status;
  for (const key of ['a.c', 'x?', '[a-z]+', '^q$', 'p\\', 'p\\x', 'mn', 'm(n)', 'm\nn']) {
    expect({ key, status: await status(key) }).toEqual({ key, status: 404 });
  }
  for (const key of ['abc', 'xy', 'b', 'q', 'p*', 'm', 'A.c', 'a.c ', 'a.cd']) {
    expect({ key, status: await status(key) }).toEqual({ key, status: 403 });
  }
});

test('each key has a limit of requests of its own, told in standard headers', async () => {
  const here = place();
  const api = await startApi(here);
  const few = await addKey(here, { rate: { requests: 3, windowSeconds: 60 } });
  const [limited, free] = [few, await addKey(here)].map(({ secret }) => callerWith(api, `Bearer ${secret}`)) as [
    Caller,
    Caller,
  ];
  const update = increment(here.key('n'));
  const first = await limited.post('/v1/updates', update);
  expect(first.headers.get('ratelimit-policy')).toMatch(/^"3-in-1min"; q=3; w=60; pk=:.+:$/);
  expect(first.headers.get('ratelimit')).toMatch(/^"3-in-1min"; r=2; t=\d+$/);
  await limited.get('/v1/operations');
  await limited.post('/v1/updates', { operation: 'x' });
  const length = await here.client.llen(`${here.partition.prefix}:counters:wait`);
  const refused = await limited.post('/v1/updates', update);
  expect(refused).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED', accepted: 'none' } });
  expect(refused.body.detail).toContain('3 requests a minute');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
  expect(await here.client.llen(`${here.partition.prefix}:counters:wait`)).toBe(length);
  expect((await free.post('/v1/updates', update)).headers.get('ratelimit')).toMatch(/^"1000-in-1sec"; r=999; t=1$/);

  const perSecond = await addKey(here, { rate: { requests: 1, windowSeconds: 1 } });
  const often = callerWith(api, `Bearer ${perSecond.secret}`);
  await until('the new key is known', async () => (await often.get('/v1/operations')).status === 200);
  await until('it is refused', async () => (await often.get('/v1/operations')).status === 429);
  await until('a second has passed', async () => (await often.get('/v1/operations')).status === 200);
});
