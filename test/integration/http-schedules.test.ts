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
  owner?: string;
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

test('schedules say whose API key put them, and revoking the last one of an owner names those that go on', async () => {
  const here = place();
  const environment = { REDIS_URL: here.redis, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const [one, other] = [await addKey(here, { owner: 'ann' }), await addKey(here, { owner: 'ann' })];
  await here.producer().schedules.put({ id: 'before', everyMs: 3_600_000, update: reset(here) } as never);
  const api = await startApi(here);
  const put = (id: string) =>
    call(api, 'PUT', `/v1/schedules/${id}`, { everyMs: 3_600_000, update: reset(here) }, one.secret);
  const nextRunAt = (await call(api, 'GET', '/v1/schedules/before', undefined, one.secret)).body.nextRunAt;
  expect(await put('before'), 'goes on as it is').toMatchObject({ status: 200, body: { owner: 'ann', nextRunAt } });
  expect(await put('hourly')).toMatchObject({ status: 200, body: { owner: 'ann' } });
  await here.producer().schedules.put({ id: 'own', everyMs: 3_600_000, update: reset(here) } as never);
  await here.producer().schedules.pause('hourly');
  expect((await tally(environment, 'schedules', 'list')).stdout).toMatch(/^hourly .* {2}paused .* {2}owner ann$/m);
  expect((await tally(environment, 'keys', 'revoke', one.id)).stderr).toBe('');
  const { code, stderr } = await tally(environment, 'keys', 'revoke', other.id);
  expect(code).toBe(0);
  expect(stderr).toContain('whose schedules go on: before, hourly\nTo end one: tally schedules remove before\n');
});

test('a schedule that has more runs than the rate of its API key allows is forbidden', async () => {
  const here = place();
  const { secret } = await addKey(here, {
    updateRate: { updates: 2, windowSeconds: 60 },
    requireIdempotencyKey: true,
  });
  const api = await startApi(here);
  const put = async (recurrence: object) => {
    const body = { ...recurrence, update: reset(here) };
    const { status, body: problem } = await call(api, 'PUT', '/v1/schedules/s', body, secret);
    await call(api, 'DELETE', '/v1/schedules/s', undefined, secret);
    return [status, problem.code];
  };
  for (const tooOften of [{ everyMs: 1_000 }, { everyMs: 29_999 }, { cron: '0-2 0 0 * * *' }]) {
    expect([tooOften, await put(tooOften)]).toEqual([tooOften, [403, 'FORBIDDEN']]);
  }
  expect(await put({ everyMs: 30_000 })).toEqual([200, undefined]);
  expect(await put({ cron: '0,30 * * * * *' })).toEqual([200, undefined]);
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
