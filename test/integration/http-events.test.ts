import { CloudEvent, HTTP } from 'cloudevents';
import { expect, test } from 'vitest';
import { addKey } from '../support/api-keys.js';
import { startApi } from '../support/http-api.js';
import type { RunningApi, ShownProblem, ShownUpdate } from '../support/http-api.js';
import { postText, say } from '../support/raw-request.js';
import { keysLike, place, until } from '../support/tally.js';

const BATCH = 'application/cloudevents-batch+json';

function incrementEvent(key: string, overrides: Partial<CloudEvent<unknown>> = {}) {
  return new CloudEvent({ type: 'tally.counter.increment', source: '/shop', data: { key, by: 5 }, ...overrides });
}

/** Sends what the SDK made of an event. */
async function send(
  { request }: RunningApi,
  { headers, body }: { headers: object; body: unknown },
  query = '?wait=10000',
) {
  const sent = await request(`/v1/events${query}`, {
    method: 'POST',
    headers: headers as Record<string, string>,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: sent.status, body: (await sent.json()) as { updates: ShownUpdate[] } & ShownProblem };
}

test('events that the SDK made are applied, in binary, structured and batched mode', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const key = here.key('count');
  const binary = await send(api, HTTP.binary(incrementEvent(key)));
  expect(binary).toMatchObject({ status: 200, body: { updates: [{ status: 'applied', result: { value: 5 } }] } });
  const structured = await send(api, HTTP.structured(incrementEvent(key)));
  expect(structured).toMatchObject({ status: 200, body: { updates: [{ status: 'applied', result: { value: 10 } }] } });
  const events = [incrementEvent(key), incrementEvent(key, { type: 'tally.counter.decrement' })];
  const batched = await send(api, { headers: { 'content-type': `${BATCH}; charset=utf-8` }, body: events });
  expect(batched.status).toBe(200);
  expect(batched.body.updates.map(({ status }) => status)).toEqual(['applied', 'applied']);
  expect(await here.client.get(key)).toBe('10');
});

test('without a wait the answer has no body, and says where the outcome of a single event is; an empty batch is fine', async () => {
  const here = place();
  const { request } = await startApi(here);
  const post = async (message: { headers: object; body: unknown }) => {
    const body = typeof message.body === 'string' ? message.body : JSON.stringify(message.body);
    const headers = message.headers as Record<string, string>;
    const answer = await request('/v1/events', { method: 'POST', headers, body });
    return { status: answer.status, text: await answer.text(), location: answer.headers.get('location') };
  };
  const event = incrementEvent(here.key('count'));
  const accepted = await post(HTTP.structured(event));
  expect(accepted).toMatchObject({ status: 202, text: '' });
  expect(await (await request(accepted.location!)).json()).toMatchObject({ operation: 'counter.increment' });
  const nothing = { status: 202, text: '', location: null };
  expect(await post({ headers: { 'content-type': BATCH }, body: [] })).toEqual(nothing);
  expect(await post({ headers: { 'content-type': BATCH }, body: [event, event] })).toEqual(nothing);
});

test('with a wait and Prefer: reply the outcome is answered as an event, which the SDK reads', async () => {
  const here = place();
  const { request } = await startApi(here);
  const key = here.key('count');
  const reply = async (event: CloudEvent<unknown> | CloudEvent<unknown>[], wait = 10_000) => {
    const { headers, body } = Array.isArray(event)
      ? { headers: { 'content-type': BATCH }, body: JSON.stringify(event) }
      : HTTP.structured(event);
    return request(`/v1/events?wait=${wait}`, {
      method: 'POST',
      headers: { ...(headers as Record<string, string>), prefer: 'respond-async, reply' },
      body: body as string,
    });
  };
  const early = await reply(incrementEvent(key), 0);
  expect([early.status, await early.text()]).toEqual([202, '']);
  await here.worker();
  const event = incrementEvent(key);
  const answer = await reply(event);
  const outcome = HTTP.toEvent({
    headers: Object.fromEntries(answer.headers),
    body: await answer.text(),
  }) as CloudEvent<{ id: string; result: unknown }>;
  expect(outcome.validate()).toBe(true);
  expect(outcome).toMatchObject({
    type: 'tally.counter.increment.applied',
    source: `/tally/${here.namespace}`,
    subject: key,
    data: { status: 'applied', result: { value: 10 } },
  });
  expect(outcome.id).toBe(`${outcome.data!.id}:applied`);
  const batch = await reply([event, incrementEvent(key)]);
  expect(batch.headers.get('content-type')).toMatch(BATCH);
  expect(await batch.json()).toMatchObject([
    { id: outcome.id, data: { status: 'applied', result: { value: 10 } } },
    { data: { result: { value: 15 } } },
  ]);
});

test('a sender that asks whether it may send is answered, with or without an API key', async () => {
  const here = place();
  const { request } = await startApi(here);
  await addKey(here);
  const ask = (headers: Record<string, string>) => request('/v1/events', { method: 'OPTIONS', headers });
  const answer = await ask({ 'webhook-request-origin': 'events.example.com', 'webhook-request-rate': '120' });
  expect(answer.status).toBe(200);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    allow: 'POST',
    'webhook-allowed-origin': 'events.example.com',
    'webhook-allowed-rate': '*',
  });
  expect((await ask({})).headers.get('webhook-allowed-origin')).toBeNull();
  expect((await request('/v1/events', { method: 'POST', body: '{}' })).status).toBe(401);
});

test('data in base64 are taken when they are JSON: it is the same event', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const key = here.key('größe');
  const { data, ...attributes } = incrementEvent(key).toJSON() as { data: unknown };
  const structured = 'application/cloudevents+json';
  const post = (more: object) =>
    send(api, { headers: { 'content-type': structured }, body: { ...attributes, ...more } });
  const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');
  const first = await post({ data_base64: base64(JSON.stringify(data)) });
  expect(first).toMatchObject({ status: 200, body: { updates: [{ status: 'applied', result: { value: 5 } }] } });
  expect((await post({ data })).body.updates).toEqual([{ ...first.body.updates[0], duplicate: true }]);
  for (const bad of [
    { data_base64: '%%%' },
    { data_base64: 5 },
    { data_base64: base64('{"key":') },
    { data_base64: base64(Buffer.from([0x22, 0xff, 0x22])) },
    { data, data_base64: base64(JSON.stringify(data)) },
  ]) {
    expect(await post(bad)).toMatchObject({
      status: 422,
      body: { code: 'INVALID_EVENT', errors: [{ path: 'data_base64' }] },
    });
  }
});

test('an event that is delivered again takes effect once, whatever the mode', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const key = here.key('count');
  const event = incrementEvent(key, { id: here.key('1') });
  const first = await send(api, HTTP.binary(event));
  const again = [
    await send(api, HTTP.binary(event)),
    await send(api, HTTP.structured(event)),
    await send(api, { headers: { 'content-type': BATCH }, body: [event] }),
  ];
  for (const { body } of again) {
    expect(body.updates).toEqual([{ ...first.body.updates[0], duplicate: true }]);
  }
  expect(await here.client.get(key)).toBe('5');
});

test('events delivered many times at once take effect once each', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const key = here.key('count');
  const events = Array.from({ length: 20 }, (_, index) => incrementEvent(key, { id: here.key(String(index)) }));
  const deliveries = Array.from({ length: 5 }, () => events).flat();
  await Promise.all(deliveries.map((event) => send(api, HTTP.binary(event))));
  expect(await here.client.get(key)).toBe('100');
});

test('source and id are told apart, however they are joined, and however long they are', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const key = here.key('count');
  const long = `${here.namespace}${'x'.repeat(600)}`;
  const names = [
    ['/a', '1:2'],
    ['/a:1', '2'],
    ['/a1', ':2'],
    [`/${long}`, 'ä'],
    [`/${long}`, 'b'],
    ['/Gr%C3%B6%C3%9Fe', here.key('✓')],
  ] as const;
  for (const [source, id] of names) {
    const event = incrementEvent(key, { source: source + here.namespace, id });
    const { body } = await send(api, HTTP.structured(event));
    expect(body.updates).toMatchObject([{ status: 'applied' }]);
    const again = await send(api, HTTP.structured(event));
    expect(again.body.updates).toMatchObject([{ duplicate: true }]);
  }
  expect(await here.client.get(key)).toBe(String(5 * names.length));
});

test('attributes in headers are percent-encoded: the same event in binary and structured mode is one', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const event = incrementEvent(here.key('count'), { id: 'Größe 100%', source: `/${here.namespace}` });
  await send(api, HTTP.structured(event));
  const { headers, body } = HTTP.binary(event);
  const encoded = { ...headers, 'ce-id': encodeURIComponent('Größe 100%') };
  const again = await send(api, { headers: encoded, body });
  expect(again.body.updates).toMatchObject([{ status: 'applied', duplicate: true }]);
});

test('an event is the same one in quotes, as senders of earlier versions put it, and percent-encoded', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const key = here.key('count');
  const event = incrementEvent(key, { id: `a "b" \\ ${here.key('')}` });
  await send(api, HTTP.structured(event));
  const { headers, body } = HTTP.binary(event);
  const quoted = `"${event.id.replace(/["\\]/g, '\\$&')}"`;
  for (const id of [quoted, encodeURIComponent(event.id), encodeURIComponent(event.id).toLowerCase()]) {
    const again = await send(api, { headers: { ...headers, 'ce-id': id }, body });
    expect(again.body.updates).toMatchObject([{ status: 'applied', duplicate: true }]);
  }
  expect(await here.client.get(key)).toBe('5');
});

test('an attribute that is given in two headers is refused, rather than joined to another', async () => {
  const here = place();
  const api = await startApi(here);
  const { id: _, ...attributes } = incrementEvent(here.key('count')).toJSON();
  const headers = ['specversion', 'source', 'type'].map((name) => `ce-${name}: ${String(attributes[name])}`);
  const twice = [...headers, 'ce-id: 1', 'CE-ID: 2', 'Connection: close'];
  const answer = await say(api, postText('/v1/events', attributes['data'], twice));
  expect(answer).toMatch(/^HTTP\/1.1 422.*"path":"ce-id".*must be given once/s);
  expect(await keysLike(here, `*${here.prefix}*`)).toEqual([]);
});

test('an attribute that is null is not set, and what others add is passed over', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const event = {
    ...incrementEvent(here.key('count'), { source: 'https://ann@[::1]:80/a/%C3%A4;b?c=d#e' }).toJSON(),
    datacontenttype: null,
    dataschema: null,
    subject: null,
    time: '2026-01-31t12:00:00.5+01:00',
    data_base64: null,
    traceparent: null,
    partitionkey: 'x',
    sampledrate: 7,
    replayed: true,
  };
  const { status, body } = await send(api, { headers: { 'content-type': BATCH }, body: [event] });
  expect({ status, updates: body.updates }).toMatchObject({ status: 200, updates: [{ status: 'applied' }] });
});

test('data may be of any type of JSON, in each mode', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const key = here.key('count');
  for (const datacontenttype of ['application/vnd.shop.count+json; charset=utf-8', 'text/json', 'Application/JSON']) {
    const event = incrementEvent(key, { datacontenttype });
    const { headers } = HTTP.binary(event);
    const answers = [
      await send(api, { headers: { ...headers, 'content-type': datacontenttype }, body: event.data }),
      await send(api, HTTP.structured(event)),
    ];
    expect(answers.map(({ body }) => body.updates)).toMatchObject([
      [{ status: 'applied' }],
      [{ status: 'applied', duplicate: true }],
    ]);
  }
});

test('the same event with other data is a conflict', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const key = here.key('count');
  await send(api, HTTP.structured(incrementEvent(key, { id: here.key('1') })));
  const changed = incrementEvent(key, { id: here.key('1'), data: { key, by: 6 } });
  const { status, body } = await send(api, HTTP.structured(changed));
  expect({ status, code: body.code, paths: body.errors?.map(({ path }) => path) }).toEqual({
    status: 422,
    code: 'IDEMPOTENCY_CONFLICT',
    paths: ['id'],
  });
});

test('a batch is accepted whole or not at all, and names what is wrong in the words of events', async () => {
  const here = place();
  const api = await startApi(here);
  const key = here.key('count');
  const good = incrementEvent(key);
  const bad = [
    { event: incrementEvent(key, { type: 'tally.counter.incremnt' }), code: 'UNKNOWN_OPERATION', path: '[1].type' },
    { event: incrementEvent(key, { type: 'com.example.order' }), code: 'UNKNOWN_OPERATION', path: '[1].type' },
    { event: incrementEvent(key, { data: { key, by: 0.5 } }), code: 'INVALID_PARAMS', path: '[1].data.by' },
    { event: { ...good.toJSON(), id: undefined }, code: 'INVALID_EVENT', path: '[1].id' },
    { event: { ...good.toJSON(), specversion: '0.3' }, code: 'INVALID_EVENT', path: '[1].specversion' },
  ];
  for (const { event, code, path } of bad) {
    const answer = await send(api, { headers: { 'content-type': BATCH }, body: [good, event] });
    expect(answer).toMatchObject({ status: 422, body: { code, errors: [{ path, code }] } });
  }
  expect(await keysLike(here, `*${here.prefix}*`)).toEqual([]);
});

test("an event's update is found by its id", async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const { body } = await send(api, HTTP.binary(incrementEvent(here.key('count'))), '?wait=0');
  const path = `/v1/updates/${body.updates[0]!.id}`;
  await until('it is applied', async () => (await api.get<ShownUpdate>(path)).body.status === 'applied');
});
