import { request as ask } from 'node:http';
import { expect, test } from 'vitest';
import { createMetrics } from '../../src/index.js';
import type { Metrics } from '../../src/index.js';
import { addKey } from '../support/api-keys.js';
import { startApi } from '../support/http-api.js';
import { ownRedis, place, until } from '../support/tally.js';

const increment = (key: string) => ({ operation: 'counter.increment', params: { key } });

/** The requests that were counted, as "METHOD route status": how many. */
async function counted(metrics: Metrics): Promise<Record<string, number>> {
  const series = /^tally_http_requests_total\{method="(\w+)",route="([^"]+)",status="(\w+)"\} (\d+)$/gm;
  const found = (await metrics.text()).matchAll(series);
  return Object.fromEntries(
    [...found].map(([, method, route, status, value]) => [`${method} ${route} ${status}`, Number(value)]),
  );
}

async function refused(metrics: Metrics, reason: string): Promise<number> {
  const text = await metrics.text();
  return Number(new RegExp(`^tally_http_updates_refused_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
}

test('requests are counted by the path that they fit, whatever they are answered with', async () => {
  const here = place();
  const metrics = createMetrics();
  const { request, post } = await startApi(here, { metrics });
  const { body } = await post('/v1/updates', increment(here.key('n')));
  const { id } = body.updates[0]!;
  await request(`/v1/updates/${id}`);
  await request('/v1/updates/no-such-update');
  await request(`/v1/cells?key=${here.key('none')}`);
  await request('/v1/updates', { method: 'PATCH' });
  await request('/healthz');
  await request('/docs/');
  await request('/docs/swagger-ui.css');
  await request('/v1/updates/a/b');
  await request('/wp-login.php?a=1');
  await request('/v1/cells/%2e%2e', { method: 'PROPFIND' });
  await until(
    'all are counted',
    async () => Object.values(await counted(metrics)).reduce((sum, n) => sum + n, 0) === 11,
  );
  expect(await counted(metrics)).toEqual({
    'POST /v1/updates 202': 1,
    'GET /v1/updates/{id} 200': 1,
    'GET /v1/updates/{id} 404': 1,
    'GET /v1/cells 404': 1,
    'PATCH /v1/updates 405': 1,
    'GET /healthz 200': 1,
    'GET /docs/ 200': 2,
    'GET other 404': 2,
    'other other 404': 1,
  });
  const text = await metrics.text();
  expect(text).toContain('tally_http_request_duration_seconds_count{method="POST",route="/v1/updates"} 1');
  expect(text).toContain('tally_http_request_duration_seconds_count{method="GET",route="/v1/updates/{id}"} 2');
});

test('requests that are refused before any endpoint sees them are counted by their path, too', async () => {
  const here = place();
  await addKey(here, {});
  const metrics = createMetrics();
  const { post, request } = await startApi(here, { metrics });
  await post('/v1/updates', [increment('a'), increment('b')]);
  await request('/v1/updates/some-id');
  await until('both are counted', async () => Object.keys(await counted(metrics)).length === 2);
  expect(await counted(metrics)).toEqual({ 'POST /v1/updates 401': 1, 'GET /v1/updates/{id} 401': 1 });
  expect(await refused(metrics, 'UNAUTHORIZED')).toBe(1); // its body was not read
});

test('a request whose client has left is counted as aborted', async () => {
  const here = place();
  const metrics = createMetrics();
  const { origin } = await startApi(here, { metrics });
  const leaving = ask(`${origin}/v1/updates?wait=30000`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });
  leaving.on('error', () => undefined);
  leaving.end(JSON.stringify(increment(here.key('n'))));
  const accepted = /submitted_total\{operation="counter.increment"\} 1/;
  await until('it is accepted', async () => accepted.test(await metrics.text()));
  leaving.destroy();
  await until('it is counted', async () => (await counted(metrics))['POST /v1/updates aborted'] === 1);
});

test('updates that are refused are counted by the reason, from the first scrape on', async () => {
  const here = place();
  const metrics = createMetrics();
  const { post } = await startApi(here, { metrics });
  for (const reason of ['INVALID_PARAMS', 'BACKPRESSURE', 'REDIS_REFUSED', 'QUEUE_UNAVAILABLE', 'RATE_LIMITED']) {
    expect({ reason, refused: await refused(metrics, reason) }).toEqual({ reason, refused: 0 });
  }
  await post('/v1/updates', [
    increment(here.key('n')),
    increment(here.key('n')),
    { ...increment('x'), params: { by: -1 } },
  ]);
  await post('/v1/updates', { operation: 'counter.explode', params: {} });
  await post('/v1/updates', []);
  expect(await refused(metrics, 'INVALID_PARAMS')).toBe(3); // none of them was accepted
  expect(await refused(metrics, 'UNKNOWN_OPERATION')).toBe(1);
  expect(await refused(metrics, 'INVALID_UPDATE')).toBe(1);
});

test('updates that Redis refuses are counted so', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const metrics = createMetrics();
  const { post } = await startApi(here, { metrics });
  await post('/v1/updates', increment(here.key('n')));
  await here.client.config('SET', 'min-replicas-to-write', '1');
  expect((await post('/v1/updates', [increment(here.key('n')), increment(here.key('m'))])).status).toBe(503);
  await here.client.config('SET', 'min-replicas-to-write', '0');
  expect(await refused(metrics, 'REDIS_REFUSED')).toBe(2);
});
