import { expect, test } from 'vitest';
import { keySettings } from '../../cli/key-flags.js';
import { makeApiKey, fromStored, toStored } from '../../src/api/access/api-key.js';
import { slotOf } from '../../src/redis/slots.js';
import { addKey, callerWith } from '../support/api-keys.js';
import { startApi } from '../support/http-api.js';
import { place } from '../support/tally.js';

const CLOUD_EVENT = 'application/cloudevents+json';

test('an API key that asks for idempotency keys takes no update without one', async () => {
  const here = place();
  const api = await startApi(here);
  const { secret } = await addKey(here, { requireIdempotencyKey: true });
  const { post } = callerWith(api, `Bearer ${secret}`);
  const update = { operation: 'counter.increment', params: { key: here.key('n') } };

  expect(await post('/v1/updates', update)).toMatchObject({
    status: 400,
    body: { code: 'IDEMPOTENCY_KEY_REQUIRED', accepted: 'none', errors: [{ path: 'idempotencyKey' }] },
  });
  expect(await post('/v1/updates', [{ ...update, idempotencyKey: 'a' }, update])).toMatchObject({
    status: 400,
    body: { errors: [{ path: '[1].idempotencyKey' }] },
  });
  expect(await post('/v1/updates', { ...update, idempotencyKey: 'b' })).toMatchObject({ status: 202 });
  const event = { specversion: '1.0', id: '1', source: '/s', type: 'tally.counter.increment', data: update.params };
  expect(await post('/v1/events', event, CLOUD_EVENT)).toMatchObject({ status: 202 });
});

test('whether it asks for them is kept with the key, and handed on to the one that takes its place', () => {
  const settings = keySettings({ name: 'shop', requireIdempotencyKey: true });
  const { key } = makeApiKey(settings);
  expect(fromStored(key.id, toStored(key))).toEqual(key);
  expect(keySettings({ replaces: key.id }, key)).toMatchObject({ requireIdempotencyKey: true });
  const { key: other } = makeApiKey(keySettings({ name: 'shop' }));
  expect(JSON.parse(toStored(other))).not.toHaveProperty('requireIdempotencyKey'); // so that older versions can read it
});

test('the outcome under an idempotency key is told, to its owner', async () => {
  const here = place();
  await here.worker();
  const api = await startApi(here);
  const [shop, other] = await Promise.all([addKey(here), addKey(here)]);
  const { get, post } = callerWith(api, `Bearer ${shop.secret}`);
  const key = here.key('n');
  const path = (more: Record<string, string> = {}) =>
    `/v1/updates?${new URLSearchParams({ operation: 'counter.increment', idempotencyKey: 'order 7', key, ...more }).toString()}`;
  expect(await get(path())).toMatchObject({ status: 404, body: { code: 'UPDATE_NOT_FOUND' } });

  const update = { operation: 'counter.increment', params: { key, by: 5, max: 8 }, idempotencyKey: 'order 7' };
  const { body } = await post('/v1/updates?wait=10000', update);
  const { id } = body.updates[0]!;

  expect(await get(path())).toMatchObject({
    status: 200,
    body: { id, operation: 'counter.increment', status: 'applied', result: { value: 5 }, attempts: 1 },
  });
  expect(await get(path({ operation: 'counter.decrement' }))).toMatchObject({ status: 404 });
  expect(await callerWith(api, `Bearer ${other.secret}`).get(path())).toMatchObject({ status: 404 });
  expect(await get(path({ operation: 'counter.inc' }))).toMatchObject({
    status: 422,
    body: { code: 'UNKNOWN_OPERATION' },
  });
  expect(await get(path({ idempotencyKey: '' }))).toMatchObject({ status: 422, body: { code: 'INVALID_QUERY' } });
  expect(await get('/v1/updates')).toMatchObject({ status: 422, body: { code: 'INVALID_QUERY' } });

  const rejected = { ...update, params: { key, by: 5, max: 8 }, idempotencyKey: 'order 8' };
  await post('/v1/updates?wait=10000', rejected);
  expect(await get(path({ idempotencyKey: 'order 8' }))).toMatchObject({
    body: { status: 'rejected', reason: 'LIMIT_REACHED' },
  });
});

test('an API key is told of no update that it may not know of', async () => {
  const here = place();
  await here.worker();
  const api = await startApi(here);
  const wide = await addKey(here, { owner: 'team' });
  const narrow = await addKey(here, { owner: 'team', keys: [here.key('other')] });
  const key = here.key('n');
  await callerWith(api, `Bearer ${wide.secret}`).post('/v1/updates?wait=10000', {
    ...{ operation: 'counter.increment', params: { key }, idempotencyKey: 'k' },
  });
  const path = `/v1/updates?operation=counter.increment&idempotencyKey=k&key=${key}`;
  expect(await callerWith(api, `Bearer ${wide.secret}`).get(path)).toMatchObject({ status: 200 });
  expect(await callerWith(api, `Bearer ${narrow.secret}`).get(path)).toMatchObject({ status: 404 });
});

test('of an update whose job is not kept any more the status is told', async () => {
  const here = place();
  await here.worker();
  const producer = here.producer();
  const key = here.key('n');
  const submission = await producer.counters.increment({ key }, { idempotencyKey: 'k' });
  await submission.outcome();
  const question = { operation: 'counter.increment', idempotencyKey: 'k', key };
  expect(await producer.findByKey(question)).toMatchObject({
    id: submission.id,
    status: 'applied',
    found: { attempts: 1 },
  });
  await here.client.del(`${here.partition.prefix}:counters:${submission.jobId}`);
  expect(await producer.findByKey(question)).toEqual({
    ...{ id: submission.id, operation: 'counter.increment', status: 'applied' },
  });
  expect(await producer.findByKey({ ...question, idempotencyOwner: 'other' })).toBeUndefined();
  if (here.slot !== 'no-slot') {
    await expect(producer.findByKey({ operation: question.operation, idempotencyKey: 'k' })).rejects.toThrow(
      'key: is needed',
    );
    expect(slotOf(key)).toBe(here.slot);
  }
});

test('a conflict that is known at submit is refused with 422', async () => {
  const here = place();
  await here.worker();
  const { post } = await startApi(here);
  const update = (by: number) => ({
    ...{ operation: 'counter.increment', params: { key: here.key('n'), by }, idempotencyKey: 'k' },
  });
  await post('/v1/updates?wait=10000', update(1));
  expect(await post('/v1/updates', update(2))).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_CONFLICT' } });
});
