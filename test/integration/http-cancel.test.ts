import { expect, test } from 'vitest';
import { addKey, callerWith } from '../support/api-keys.js';
import { startApi } from '../support/http-api.js';
import type { RunningApi, ShownProblem, ShownUpdate } from '../support/http-api.js';
import { tally } from '../support/command.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const DELAY = { delayMs: 3_600_000 };

const increment = (key: string, more: object = {}) => ({ operation: 'counter.increment', params: { key }, ...more });

async function idOf({ post }: RunningApi, update: object): Promise<string> {
  return (await post('/v1/updates', update)).body.updates[0]!.id;
}

async function remove(api: RunningApi, id: string, headers: Record<string, string> = {}) {
  const response = await api.request(`/v1/updates/${id}`, { method: 'DELETE', headers });
  return { status: response.status, body: (await response.json()) as ShownProblem & { outcome?: unknown } };
}

const environmentOf = ({ redis, namespace, prefix }: Place) => ({
  REDIS_URL: redis,
  TALLY_NAMESPACE: namespace,
  TALLY_PREFIX: prefix,
});

test('DELETE takes back what has not begun, and says cancelled from then on', async () => {
  const here = place();
  const api = await startApi(here);
  const id = await idOf(api, increment(here.key('n'), DELAY));
  for (const _ of ['once', 'twice']) {
    expect(await remove(api, id)).toEqual({ status: 200, body: { status: 'cancelled' } });
    expect((await api.get<ShownUpdate>(`/v1/updates/${id}`)).body).toMatchObject({
      status: 'cancelled',
      reason: 'CANCELLED',
      attempts: 0,
    });
  }
  await here.worker();
  expect((await api.post(`/v1/updates?wait=10000`, increment(here.key('n')))).body.updates).toMatchObject([
    { status: 'applied', result: { value: 1 } },
  ]);
});

test('409 NOT_CANCELLABLE has the outcome, 404 what is not there', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const { body } = await api.post('/v1/updates?wait=10000', increment(here.key('n')));
  const late = await remove(api, body.updates[0]!.id);
  expect(late).toMatchObject({
    status: 409,
    body: { code: 'NOT_CANCELLABLE', outcome: { status: 'applied', result: { value: 1, applied: 1 } } },
  });
  expect(late.body.detail).toMatch(/is applied/);
  expect(await remove(api, '019ae07c-0000-7000-8000-000000000000.0')).toMatchObject({ status: 404 });
  const { status, headers } = await api.request(`/v1/updates/${body.updates[0]!.id}`, { method: 'PUT' });
  expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD, DELETE']);
});

test('the idempotency key of a cancelled update answers cancelled over HTTP, too', async () => {
  const here = place();
  const api = await startApi(here);
  const update = increment(here.key('n'), { idempotencyKey: 'order-7' });
  const id = await idOf(api, { ...update, ...DELAY });
  await remove(api, id);
  const again = await api.post('/v1/updates', update);
  expect(again.body.updates).toMatchObject([{ id, status: 'cancelled', duplicate: true }]);
});

test('an API key cancels what it might submit, and nothing else', async () => {
  const here = place();
  const keyOf = async (settings: object) => `Bearer ${(await addKey(here, settings)).secret}`;
  const [reader, other, own] = [
    await keyOf({ readOnly: true }),
    await keyOf({ keys: ['stock:*'] }),
    await keyOf({ operations: ['counter.*'] }),
  ];
  const api = await startApi(here);
  const { body } = await callerWith(api, own).post('/v1/updates', increment(here.key('n'), DELAY));
  const { id } = body.updates[0]!;
  expect(await remove(api, id)).toMatchObject({ status: 401 });
  expect(await remove(api, id, { authorization: reader })).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
  expect(await remove(api, id, { authorization: other })).toMatchObject({
    status: 404,
    body: { code: 'UPDATE_NOT_FOUND' },
  });
  expect(await remove(api, id, { authorization: own })).toMatchObject({ status: 200 });
});

test('tally cancel takes back what tally submit has sent', async () => {
  const here = place();
  const environment = environmentOf(here);
  const params = ['--params', JSON.stringify({ key: here.key('n') })];
  const sent = await tally(environment, 'submit', 'counter.increment', ...params, '--delay', '3600000', '--json');
  const { id } = JSON.parse(sent.stdout) as { id: string };
  expect(await tally(environment, 'cancel', id)).toMatchObject({ code: 0, stdout: `cancelled ${id}\n` });
  await here.worker();
  const applied = await tally(environment, 'submit', 'counter.increment', ...params, '--wait', '--json');
  const late = await tally(environment, 'cancel', (JSON.parse(applied.stdout) as { id: string }).id);
  expect(late.code).toBe(1);
  expect(late.stderr).toContain("can't be cancelled: it is applied");
});
