import { expect, test } from 'vitest';
import { badBodies } from '../support/bad-bodies.js';
import { badRequests } from '../support/bad-requests.js';
import { startApi } from '../support/http-api.js';
import type { ShownProblem } from '../support/http-api.js';
import { postText, say } from '../support/raw-request.js';
import { keysLike, ownRedis, place, until } from '../support/tally.js';

const all = [...badBodies, ...badRequests];

const increment = (key: string) => ({ operation: 'counter.increment', params: { key } });

test(`${all.length} bad requests are refused, each with its status, code and place, and nothing is written`, async () => {
  const redis = await ownRedis();
  // The names that Tally has by itself, since some requests try to write under them.
  const here = { ...place(redis.url), namespace: 'tally', prefix: 'bull' };
  const { request } = await startApi(here);
  for (const bad of all) {
    const { method = 'POST', path = '/v1/updates', headers = {}, body } = bad;
    const answer = await request(path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body }),
    });
    const text = await answer.text();
    const problem = JSON.parse(text) as ShownProblem;
    const { status, code, at } = bad;
    expect({ name: bad.name, status: answer.status, code: problem.code, at: problem.errors?.[0]?.path }).toEqual({
      name: bad.name,
      status,
      code,
      at,
    });
    expect(problem).toMatchObject({ status, requestId: answer.headers.get('x-request-id') });
    expect(problem.detail).not.toBe('');
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(text.length).toBeLessThan(5_000);
    expect(text).not.toMatch(/node_modules|\.ts:\d|\.js:\d/);
    expect(Object.fromEntries([...answer.headers])).toMatchObject(bad.headersOfAnswer ?? {});
    expect({ name: bad.name, keys: await keysLike(here, '*') }).toEqual({ name: bad.name, keys: [] });
  }
});

test('what is not HTTP, and what comes too slowly, is answered with a problem and cut off', async () => {
  const api = await startApi(place(), {}, { headersTimeoutMs: 300, requestTimeoutMs: 600 });
  const head = 'POST /v1/updates HTTP/1.1\r\nHost: localhost\r\n';
  expect(await say(api, 'hello\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*"code":"BAD_REQUEST"/s);
  expect(await say(api, `${head}X-Long: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1.1 431 .*"code":"HEADERS_TOO_LARGE"/s,
  );
  expect(await say(api, head)).toMatch(/^HTTP\/1.1 408 .*"code":"REQUEST_TIMEOUT"/s);
  const slowBody = `${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"operation":`;
  expect(await say(api, slowBody)).toMatch(/^HTTP\/1.1 408 .*"code":"REQUEST_TIMEOUT"/s);
});

test('what comes behind a request that was read is not taken for its answer', async () => {
  const here = place();
  const api = await startApi(here, {}, { headersTimeoutMs: 300, requestTimeoutMs: 600 });
  const broken = new Set<unknown>();
  api.server.on('clientError', (_error, socket) => broken.add(socket));
  const waiting = ['hello\r\n\r\n', 'POST /v1/updates HTTP/1.1\r\n'].map((rest) =>
    say(api, postText('/v1/updates?wait=20000', increment(here.key('n')), []) + rest),
  );
  await until('both have gone on with what is refused', () => broken.size === 2);
  await here.worker();
  for (const answer of await Promise.all(waiting)) {
    expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200']);
    expect(answer).toMatch(/Connection: close.*"status":"applied"/s);
  }
  expect(await here.client.get(here.key('n'))).toBe('2');
});

test('an idempotency key is seen behind thousands of other headers, and refused when there are two', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const key = here.key('n');
  const headers = [...Array.from({ length: 2_500 }, () => 'a:'), 'Idempotency-Key: 7', 'Connection: close'];
  for (const duplicate of [false, true]) {
    const answer = await say(api, postText('/v1/updates?wait=10000', increment(key), headers));
    expect(answer).toMatch(/^HTTP\/1.1 200/);
    expect(answer.includes('"duplicate":true')).toBe(duplicate);
  }
  const twice = ['Idempotency-Key: 7', 'Idempotency-Key: 7', 'Connection: close'];
  expect(await say(api, postText('/v1/updates', increment(key), twice))).toMatch(/^HTTP\/1.1 422.*must be given once/s);
  expect(await here.client.get(key)).toBe('1');
});
