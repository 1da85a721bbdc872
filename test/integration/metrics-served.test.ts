import { once } from 'node:events';
import { createServer, request as ask } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createDashboard } from '../../dashboard/app.js';
import { createMetrics } from '../../src/index.js';
import { addKey } from '../support/api-keys.js';
import { dataDir, start, startUp } from '../support/command.js';
import { startApi } from '../support/http-api.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const increment = (key: string) => ({ operation: 'counter.increment', params: { key } });

/** What a program of Tally reads of the test's place. */
const environmentOf = ({ redis, namespace, prefix }: Place) => {
  return { REDIS_URL: redis, TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix };
};

/** Starts a program of Tally and waits for a line of its log that has a URL. */
async function startServing(args: string[], environment: Record<string, string>, line: RegExp): Promise<string> {
  const { child, ended, output } = start(args, environment);
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  await until('it listens', () => line.test(output.stdout) || child.exitCode !== null);
  return line.exec(output.stdout)?.[1] ?? '';
}

const METRICS_LINE = /metrics +(http[^" ]+\/metrics)/;

test('the API serves metrics with what was submitted to it, and other paths as before', async () => {
  const here = place();
  const metrics = createMetrics();
  const { post, request } = await startApi(here, { metrics });
  await post('/v1/updates', [increment(here.key('a')), increment(here.key('b'))]);
  const answer = await request('/metrics');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(await answer.text()).toContain('tally_updates_submitted_total{operation="counter.increment"} 2');
  expect((await request('/metric')).status).toBe(404);
  expect((await request('/metrics', { method: 'POST' })).status).toBe(404);
});

test('an API without metrics counts and serves none', async () => {
  const { request } = await startApi(place());
  expect((await request('/metrics')).status).toBe(404);
});

test('a key for metrics only opens these, and nothing else', async () => {
  const here = place();
  const { secret } = await addKey(here, { metricsOnly: true });
  const { request } = await startApi(here, { metrics: createMetrics() });
  const ask = (path: string, init: RequestInit = {}) =>
    request(path, { ...init, headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' } });
  expect((await ask('/metrics')).status).toBe(200);
  const update = JSON.stringify({ operation: 'counter.increment', params: { key: 'a' } });
  for (const [path, init] of [
    ['/v1/operations', {}],
    ['/v1/queues', {}],
    ['/v1/cells?key=a', {}],
    ['/v1/updates/some-id', {}],
    ['/v1/updates/some-id', { method: 'DELETE' }],
    ['/v1/schedules', {}],
    ['/v1/no-such-path', {}],
    ['/v1/updates', { method: 'POST', body: update }],
    ['/v1/events', { method: 'POST', body: update }],
  ] as const) {
    const answer = await ask(path, init);
    expect({ path, status: answer.status, problem: await answer.json() }).toMatchObject({
      path,
      status: 403,
      problem: { code: 'FORBIDDEN' },
    });
  }
});

test('with API keys, metrics need one, and any does', async () => {
  const here = place();
  const { secret } = await addKey(here, { operations: ['xp.award'], keys: ['nothing'], readOnly: true });
  const { request } = await startApi(here, { metrics: createMetrics() });
  const refused = await request('/metrics');
  expect({ status: refused.status, problem: await refused.json() }).toMatchObject({
    status: 401,
    problem: { code: 'UNAUTHORIZED' },
  });
  expect((await request('/metrics', { headers: { authorization: `Bearer ${secret}` } })).status).toBe(200);
});

test('without API keys, metrics are not for pages that lead here by a name of their own', async () => {
  const { origin } = await startApi(place(), { metrics: createMetrics() });
  const asked = ask(`${origin}/metrics`, { headers: { host: 'evil.example' } }).end();
  const [answer] = (await once(asked, 'response')) as [{ statusCode: number; resume(): void }];
  answer.resume();
  expect(answer.statusCode).toBe(421);
});

test('the dashboard serves the gauges', async () => {
  const here = place();
  const { redis, namespace, prefix, logger } = here;
  await here.producer().counters.increment({ key: here.key('n') });
  const dashboard = createDashboard({ redis, namespace, prefix, logger });
  const server = createServer(dashboard.app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await dashboard.close();
  });
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`);
  expect(await answer.text()).toContain('tally_jobs{queue="counters",state="waiting"} 1');
});

test('a worker serves metrics on a port of their own, and nothing else', async () => {
  const here = place();
  const url = await startServing(['worker'], { ...environmentOf(here), TALLY_METRICS_PORT: '0' }, METRICS_LINE);
  const submission = await here.producer().counters.increment({ key: here.key('n') });
  await submission.outcome();
  const text = async () => (await fetch(url)).text();
  await until('it is counted', async () =>
    (await text()).includes('tally_updates_total{operation="counter.increment",outcome="applied"} 1'),
  );
  expect(await text()).not.toContain('tally_redis_up');
  expect((await fetch(new URL('/', url))).status).toBe(404);
  expect((await fetch(url, { method: 'POST' })).status).toBe(404);
});

test('a worker whose metrics port is taken ends with what to set', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  onTestFinished(() => void taken.close());
  const { port } = taken.address() as AddressInfo;
  const { ended } = start(['worker'], { ...environmentOf(place()), TALLY_METRICS_PORT: String(port) });
  const { code, stderr } = await ended;
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('set TALLY_METRICS_PORT') as string });
});

test('with TALLY_METRICS_PORT, the metrics of the API need no key', async () => {
  const here = place();
  await addKey(here);
  const settings = { ...environmentOf(here), PORT: '0', TALLY_METRICS_PORT: '0' };
  const url = await startServing(['api'], settings, METRICS_LINE);
  const answer = await fetch(url);
  expect(answer.status).toBe(200);
  expect(await answer.text()).toContain('tally_redis_up 1');
});

test('tally up serves what it was sent, what it applied, and the gauges', async () => {
  const { output } = await startUp({ TALLY_DATA_DIR: dataDir() });
  const [, origin] = /API +(http:\/\/[^"/ ]+)\/v1/.exec(output.stdout)!;
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify([increment('a'), increment('b')]);
  await fetch(`${origin}/v1/updates?wait=10000`, { method: 'POST', headers, body });
  const text = async () => (await fetch(`${origin}/metrics`)).text();
  for (const line of [
    'tally_updates_submitted_total{operation="counter.increment"} 2',
    'tally_updates_total{operation="counter.increment",outcome="applied"} 2',
    'tally_jobs{queue="counters",state="completed"} 1',
    'tally_workers{queue="counters"} 1',
  ]) {
    await until(line, async () => (await text()).includes(line));
  }
});
