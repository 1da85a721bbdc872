import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { addKey } from '../support/api-keys.js';
import { startApi } from '../support/http-api.js';
import { place, until } from '../support/tally.js';

interface Line {
  req?: { method: string; url: string; address: string; agent?: string };
  res?: { statusCode: number };
}

function logOf() {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const requests = () =>
    text
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]))
      .filter(({ req }) => req !== undefined);
  return { logger: pino({ level: 'info' }, stream), requests };
}

test('a line of the log says where a request came from, and by which program', async () => {
  const log = logOf();
  const { request } = await startApi(place(), { logger: log.logger });
  await request('/v1/operations', { headers: { 'user-agent': 'shop/1.2\u009b31m', 'x-forwarded-for': '203.0.113.9' } });
  await request('/v1/operations', { headers: { 'user-agent': 'a'.repeat(5_000) } });
  await until('both are logged', () => log.requests().length === 2);
  const [first, second] = log.requests();
  expect(first?.req).toMatchObject({ method: 'GET', url: '/v1/operations', address: '127.0.0.1', agent: 'shop/1.2?31m' });
  expect(second?.req?.agent).toHaveLength(200);
});

test('behind a proxy that is known, it is the address that the proxy names', async () => {
  const log = logOf();
  const { request } = await startApi(place(), { logger: log.logger, proxies: ['127.0.0.1'] });
  await request('/v1/operations', { headers: { 'x-forwarded-for': '198.51.100.1, 203.0.113.9' } });
  await until('it is logged', () => log.requests().length === 1);
  expect(log.requests()[0]?.req?.address).toBe('203.0.113.9'); // what stands before is the caller's own word
});

test('request lines can be left out; those of who was turned away, and of what failed, stay', async () => {
  const here = place();
  const { secret } = await addKey(here, { operations: ['xp.award'] });
  const log = logOf();
  const { request } = await startApi(here, { logger: log.logger, logRequests: 0 });
  const authorization = `Bearer ${secret}`;
  for (let n = 0; n < 20; n += 1) {
    expect((await request('/v1/operations', { headers: { authorization } })).status).toBe(200);
  }
  expect((await request('/v1/operations')).status).toBe(401);
  const forbidden = { operation: 'counter.increment', params: { key: 'a' } };
  const answer = await request('/v1/updates', {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify(forbidden),
  });
  expect(answer.status).toBe(403);
  await until('both are logged', () => log.requests().length === 2);
  expect(log.requests().map(({ res }) => res?.statusCode)).toEqual([401, 403]);
});

test('a share of the request lines is a sample', async () => {
  const log = logOf();
  const { request } = await startApi(place(), { logger: log.logger, logRequests: 0.5 });
  await Promise.all(Array.from({ length: 200 }, () => request('/v1/operations')));
  await until('some are logged', () => log.requests().length > 50);
  expect(log.requests().length).toBeLessThan(150);
});
