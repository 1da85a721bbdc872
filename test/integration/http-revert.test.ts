import { expect, test } from 'vitest';
import { addKey, callerWith } from '../support/api-keys.js';
import { tally } from '../support/command.js';
import { addUser, startDashboard } from '../support/dashboard.js';
import { startApi } from '../support/http-api.js';
import type { RunningApi } from '../support/http-api.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const increment = (key: string, by = 5) => ({ operation: 'counter.increment', params: { key, by } });

async function applied({ post }: RunningApi, update: object): Promise<string> {
  const { body } = await post('/v1/updates?wait=20000', update);
  expect(body.updates[0]).toMatchObject({ status: 'applied' });
  return body.updates[0]!.id;
}

const environmentOf = ({ redis, namespace, prefix }: Place) => ({
  REDIS_URL: redis,
  TALLY_NAMESPACE: namespace,
  TALLY_PREFIX: prefix,
});

test('POST reverts once, and answers as a submit does', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const id = await applied(api, increment(here.key('n')));
  const first = await api.post(`/v1/updates/${id}/revert?wait=20000`, {});
  expect(first).toMatchObject({
    status: 200,
    body: { updates: [{ status: 'applied', result: { value: 0, applied: 5 } }] },
  });
  const again = await api.post(`/v1/updates/${id}/revert`, {});
  expect(again.status).toBe(202);
  expect(again.body.updates).toEqual([{ ...first.body.updates[0], duplicate: true }]);
  expect(await here.client.get(here.key('n'))).toBe('0');
  const bare = await api.request(`/v1/updates/${id}/revert`, { method: 'POST' });
  expect(bare.status).toBe(202);
});

test('409 NOT_REVERTIBLE says why, 404 what is not there, and bad requests are named', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const set = await applied(api, { operation: 'counter.set', params: { key: here.key('n'), value: 3 } });
  const revert = (id: string, query = '') => api.post(`/v1/updates/${id}/revert${query}`, {});
  expect(await revert(set)).toMatchObject({ status: 409, body: { code: 'NOT_REVERTIBLE' } });
  const short = { operation: 'inventory.take', params: { key: here.key('stock'), quantity: 1, whenShort: 'reject' } };
  const { body } = await api.post('/v1/updates?wait=20000', short);
  expect((await revert(body.updates[0]!.id)).body).toMatchObject({
    outcome: { status: 'rejected', reason: 'INSUFFICIENT_STOCK' },
  });
  expect(await revert('01900000-0000-7000-8000-000000000000.0')).toMatchObject({
    status: 409,
    body: { code: 'NOT_REVERTIBLE' },
  });
  expect(await revert('nonsense')).toMatchObject({ status: 404, body: { code: 'UPDATE_NOT_FOUND' } });
  expect(await revert(set, '?wait=x')).toMatchObject({ status: 422, body: { code: 'INVALID_QUERY' } });
  const { status, headers } = await api.request(`/v1/updates/${set}/revert`);
  expect([status, headers.get('allow')]).toEqual([405, 'POST']);
});

test('an API key reverts what it might submit both ways, and nothing else', async () => {
  const here = place();
  const keyOf = async (settings: object) => `Bearer ${(await addKey(here, settings)).secret}`;
  const [reader, other, oneWay, own] = [
    await keyOf({ readOnly: true }),
    await keyOf({ keys: ['stock:*'] }),
    await keyOf({ operations: ['counter.increment'] }),
    await keyOf({ operations: ['counter.*'], requireIdempotencyKey: true }),
  ];
  const api = await startApi(here);
  await here.worker();
  const { body } = await callerWith(api, own).post('/v1/updates?wait=20000', {
    ...increment(here.key('n')),
    idempotencyKey: 'k',
  });
  const path = `/v1/updates/${body.updates[0]!.id}/revert`;
  expect(await callerWith(api, undefined).post(path, {})).toMatchObject({ status: 401 });
  expect(await callerWith(api, reader).post(path, {})).toMatchObject({ status: 403 });
  expect(await callerWith(api, other).post(path, {})).toMatchObject({ status: 404 });
  const refused = await callerWith(api, oneWay).post(path, {});
  expect(refused).toMatchObject({ status: 403, body: { errors: [{ path: 'inverse.operation' }] } });
  expect(await here.client.get(here.key('n'))).toBe('5');
  expect(await callerWith(api, own).post(`${path}?wait=20000`, {})).toMatchObject({
    body: { updates: [{ status: 'applied' }] },
  });
  expect(await here.client.get(here.key('n'))).toBe('0');
});

test('tally revert takes an update back, and says why it can not', async () => {
  const here = place();
  await here.worker();
  const producer = here.producer();
  const sent = await producer.counters.increment({ key: here.key('n'), by: 5 });
  await sent.outcome();
  const first = await tally(environmentOf(here), 'revert', sent.id, '--wait', '--json');
  expect(first).toMatchObject({ code: 0 });
  expect(JSON.parse(first.stdout)).toMatchObject({ status: 'applied', result: { value: 0 } });
  const again = await tally(environmentOf(here), 'revert', sent.id, '--wait');
  expect(again).toMatchObject({ code: 0, stdout: 'applied {"value":0,"applied":5} (sent before)\n' });
  const set = await producer.counters.set({ key: here.key('n'), value: 1 });
  await set.outcome();
  const none = await tally(environmentOf(here), 'revert', set.id);
  expect(none).toMatchObject({ code: 1, stdout: '' });
  expect(none.stderr).toMatch(/can't be reverted: counter\.set has no inverse/);
}, 60_000);

test('an operator reverts on the dashboard, a viewer and another site do not, and all of it is in the audit', async () => {
  const here = place();
  await here.worker();
  await Promise.all([addUser(here, 'vera', 'viewer'), addUser(here, 'olaf', 'operator')]);
  const producer = here.producer();
  const [sent, set] = [
    await producer.counters.increment({ key: here.key('n'), by: 5 }),
    await producer.counters.set({ key: here.key('m'), value: 5 }),
  ];
  await Promise.all([sent.outcome(), set.outcome()]);
  const dashboard = await startDashboard(here);
  const [viewer, operator] = [await dashboard.signIn('vera'), await dashboard.signIn('olaf')];
  const page = async (id: string, cookie: string) =>
    (await dashboard.raw({ path: `/ops/find?update=${id}`, headers: { cookie } })).body;
  const button = `action="/ops/updates/${sent.id}/revert"`;
  expect(await page(sent.id, operator)).toContain(button);
  expect(await page(sent.id, viewer)).not.toContain(button);
  expect(await page(set.id, operator)).not.toContain('/revert"');

  const press = (id: string, headers: Record<string, string>) =>
    dashboard.raw({ method: 'POST', path: `/ops/updates/${id}/revert`, headers });
  expect((await press(sent.id, {})).status).toBe(401);
  expect((await press(sent.id, { cookie: viewer })).status).toBe(403);
  expect((await press(sent.id, { cookie: operator, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect(await here.client.get(here.key('n'))).toBe('5');
  const { status, headers } = await press(sent.id, { cookie: operator });
  expect([status, headers.location]).toEqual([303, expect.stringMatching(/^\/ops\/find\?update=[0-9a-f-]{36}\.0$/)]);
  await until('it is reverted', async () => (await here.client.get(here.key('n'))) === '0');
  expect((await press(sent.id, { cookie: operator })).headers.location).toBe(headers.location);
  const none = await press(set.id, { cookie: operator });
  expect(none.status).toBe(409);
  expect(none.body).toContain('counter.set has no inverse');
  expect((await press('nonsense', { cookie: operator })).status).toBe(404);

  await until('it is all in the audit', async () => (await here.client.llen(`${here.namespace}:audit`)) >= 8);
  const entries = (await here.client.lrange(`${here.namespace}:audit`, 0, -1)).map(
    (text) => JSON.parse(text) as { action: string },
  );
  expect(entries.filter(({ action }) => action === `revert update ${sent.id}`)).toMatchObject([
    { who: 'olaf', result: 'done' },
    { who: 'olaf', result: 'done' },
    { who: 'olaf', result: 'refused' },
    { who: 'vera', role: 'viewer', result: 'refused' },
  ]);
  expect(await here.client.get(here.key('n'))).toBe('0');
});
