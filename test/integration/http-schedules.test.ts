import { expect, test } from 'vitest';
import { addKey } from '../support/api-keys.js';
import { tally } from '../support/command.js';
import { startApi } from '../support/http-api.js';
import type { RunningApi, ShownProblem } from '../support/http-api.js';
import { startDashboard } from '../support/dashboard.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

interface ShownSchedule {
  id: string;
  cron?: string;
  paused: boolean;
  nextRunAt?: string;
  lastRun?: { at: string; status: string };
}

const reset = (here: Place) => ({ operation: 'counter.set', params: { key: here.key('today'), value: 0 } });

async function call(api: RunningApi, method: string, path: string, body?: unknown, secret?: string) {
  const response = await api.request(path, {
    method,
    headers: { 'content-type': 'application/json', ...(secret !== undefined && { authorization: `Bearer ${secret}` }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const json = (await response.json()) as ShownSchedule & ShownProblem & { schedules: ShownSchedule[] };
  return { status: response.status, body: json };
}

test('a schedule is put, found, listed, paused and removed over HTTP', async () => {
  const here = place();
  const api = await startApi(here);
  const update = reset(here);
  const put = await call(api, 'PUT', '/v1/schedules/midnight', {
    cron: '0 0 * * *',
    timeZone: 'Europe/Berlin',
    update,
  });
  const expected = { id: 'midnight', cron: '0 0 * * *', timeZone: 'Europe/Berlin', paused: false };
  expect(put).toMatchObject({ status: 200, body: expected });
  expect(Date.parse(put.body.nextRunAt!)).toBeGreaterThan(Date.now());
  expect(await call(api, 'GET', '/v1/schedules/midnight')).toEqual(put);
  expect((await call(api, 'GET', '/v1/schedules')).body.schedules).toEqual([put.body]);

  await call(api, 'PUT', '/v1/schedules/often', { everyMs: 3_600_000, update });
  await here.worker();
  const often = async () => (await call(api, 'GET', '/v1/schedules/often')).body;
  await until('it ran', async () => (await often()).lastRun !== undefined);
  expect(await often()).toMatchObject({ lastRun: { status: 'applied', result: { value: 0, previous: null } } });
  const paused = await call(api, 'PUT', '/v1/schedules/often', { everyMs: 3_600_000, update, paused: true });
  expect(paused.body).toMatchObject({ paused: true });
  expect(paused.body.nextRunAt).toBeUndefined();

  expect(await call(api, 'DELETE', '/v1/schedules/often')).toEqual({ status: 200, body: { status: 'removed' } });
  for (const method of ['DELETE', 'GET']) {
    expect(await call(api, method, '/v1/schedules/often')).toMatchObject({
      status: 404,
      body: { code: 'SCHEDULE_NOT_FOUND' },
    });
  }
});

test('what is not valid is refused with the place of each fault', async () => {
  const here = place();
  const api = await startApi(here);
  const bad = { cron: 'often', update: { operation: 'counter.set', params: { key: here.key('n') } } };
  const { status, body } = await call(api, 'PUT', '/v1/schedules/a', bad);
  expect({ status, code: body.code }).toEqual({ status: 422, code: 'INVALID_SCHEDULE' });
  expect(body.errors?.map(({ path }) => path)).toEqual(['cron', 'update.params.value']);
  for (const nothing of [[], 5, { id: 'b', everyMs: 5_000, update: reset(here) }]) {
    expect(await call(api, 'PUT', '/v1/schedules/a', nothing)).toMatchObject({ status: 422 });
  }
  expect((await call(api, 'GET', '/v1/schedules')).body.schedules).toEqual([]);
});

test('an API key sees and changes the schedules of what it may submit, and no others', async () => {
  const here = place();
  const [own, other, reader] = [
    await addKey(here, { operations: ['counter.*'] }),
    await addKey(here, { keys: ['stock:*'] }),
    await addKey(here, { readOnly: true }),
  ];
  const api = await startApi(here);
  const schedule = { everyMs: 3_600_000, update: reset(here) };
  const path = '/v1/schedules/a';
  expect(await call(api, 'PUT', path, schedule)).toMatchObject({ status: 401 });
  expect(await call(api, 'PUT', path, schedule, reader.secret)).toMatchObject({ status: 403 });
  expect(await call(api, 'PUT', path, schedule, other.secret)).toMatchObject({
    status: 403,
    body: { errors: [{ path: 'update.params.key' }] },
  });
  expect(await call(api, 'PUT', path, schedule, own.secret)).toMatchObject({ status: 200 });
  const foreign = { everyMs: 3_600_000, update: { operation: 'counter.set', params: { key: 'stock:1', value: 0 } } };
  expect(await call(api, 'PUT', path, foreign, other.secret)).toMatchObject({
    status: 403,
    body: { code: 'FORBIDDEN' },
  });
  expect(await call(api, 'GET', path, undefined, other.secret)).toMatchObject({ status: 404 });
  expect(await call(api, 'DELETE', path, undefined, other.secret)).toMatchObject({ status: 404 });
  expect((await call(api, 'GET', '/v1/schedules', undefined, other.secret)).body.schedules).toEqual([]);
  expect(await call(api, 'GET', path, undefined, reader.secret)).toMatchObject({ status: 200 });
  expect(await call(api, 'DELETE', path, undefined, reader.secret)).toMatchObject({ status: 403 });
  expect(await call(api, 'DELETE', path, undefined, own.secret)).toMatchObject({ status: 200 });
});

test('tally schedules puts, lists, pauses and removes them, and the board has a page of them', async () => {
  const here = place();
  const environment = { REDIS_URL: here.redis, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const schedules = (...args: string[]) => tally(environment, 'schedules', ...args);
  const params = ['--params', JSON.stringify(reset(here).params)];
  const put = await schedules(
    'put',
    'midnight',
    'counter.set',
    ...params,
    '--cron',
    '0 0 * * *',
    '--time-zone',
    'Europe/Berlin',
  );
  expect(put.code, put.stderr).toBe(0);
  expect(put.stdout).toMatch(
    /^midnight {2}"0 0 \* \* \*" Europe\/Berlin {2}counter\.set .* {2}next \S+Z {2}no run yet\n$/,
  );
  const listed = await schedules('list', '--json');
  expect(JSON.parse(listed.stdout)).toMatchObject([{ id: 'midnight', paused: false }]);

  const { request } = await startDashboard(here);
  const page = await (await request('/ops/schedules')).text();
  expect(page).toContain('midnight');
  expect(page).toContain('0 0 * * * (Europe/Berlin)');

  expect(await schedules('pause', 'midnight')).toMatchObject({ code: 0, stdout: 'paused midnight\n' });
  expect((await schedules('list')).stdout).toContain('  paused  ');
  expect(await schedules('resume', 'midnight')).toMatchObject({ code: 0 });
  const bad = await schedules('put', 'x', 'counter.set', ...params, '--cron', 'often');
  expect(bad.code).toBe(2);
  expect(bad.stderr).toContain('cron: must have 5 fields');
  expect(await schedules('remove', 'midnight')).toMatchObject({ code: 0, stdout: 'removed midnight\n' });
  expect(await schedules('remove', 'midnight')).toMatchObject({ code: 1 });
});
