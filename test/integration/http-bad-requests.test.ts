import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { badBodies } from '../support/bad-bodies.js';
import { badRequests } from '../support/bad-requests.js';
import { startApi } from '../support/http-api.js';
import type { ShownProblem } from '../support/http-api.js';
import { ownRedis, place } from '../support/tally.js';

const all = [...badBodies, ...badRequests];

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
    expect(text).not.toMatch(/node_modules|\.ts:\d|\.js:\d/);
    expect(Object.fromEntries([...answer.headers])).toMatchObject(bad.headersOfAnswer ?? {});
    expect({ name: bad.name, keys: await here.client.keys('*') }).toEqual({ name: bad.name, keys: [] });
  }
});

test('what is not HTTP, and what comes too slowly, is answered with a problem and cut off', async () => {
  const { server } = await startApi(place(), {}, { headersTimeoutMs: 300, requestTimeoutMs: 600 });
  const { port } = server.address() as { port: number };
  const say = async (text: string) => {
    const socket = connect(port, '127.0.0.1');
    socket.write(text);
    let answer = '';
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      answer += chunk.toString();
    }
    return answer;
  };
  const head = 'POST /v1/updates HTTP/1.1\r\nHost: localhost\r\n';
  expect(await say('hello\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*"code":"BAD_REQUEST"/s);
  expect(await say(`${head}X-Long: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1.1 431 .*"code":"HEADERS_TOO_LARGE"/s,
  );
  expect(await say(head)).toMatch(/^HTTP\/1.1 408 .*"code":"REQUEST_TIMEOUT"/s);
  const slowBody = `${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"operation":`;
  expect(await say(slowBody)).toMatch(/^HTTP\/1.1 408 .*"code":"REQUEST_TIMEOUT"/s);
});
