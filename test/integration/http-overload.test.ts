import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/index.js';
import { addKey, callerWith } from '../support/api-keys.js';
import { startApi } from '../support/http-api.js';
import type { RunningApi, ShownProblem } from '../support/http-api.js';
import { postText } from '../support/raw-request.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const increment = (key: string) => ({ operation: 'counter.increment', params: { key } });

const many = (here: Place, updates = 1_000) => Array.from({ length: updates }, () => increment(here.key('n')));

const KEEP = ['Connection: keep-alive'];

/** The requests that come from now on, as the server has them. */
function requestsOf({ server }: RunningApi): IncomingMessage[] {
  const requests: IncomingMessage[] = [];
  server.on('request', (request: IncomingMessage) => requests.push(request));
  return requests;
}

/** Whether it has been given room: its body is not read before. */
const isIn = (request: IncomingMessage | undefined) => request?.readableFlowing === true;

/** A connection over which a test says what it likes. */
function connectionTo({ server }: RunningApi): { socket: Socket; heard: () => string; answers: () => string[] } {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  onTestFinished(() => {
    socket.destroy();
  });
  return {
    socket,
    heard: () => text,
    answers: () => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status = '']) => status),
  };
}

/** An API whose room one post of 1,000 fills, which waits for a Redis that hangs. */
async function full(room = 1_000) {
  const redis = await ownRedis();
  const here = place(redis.url);
  const metrics = createMetrics();
  const api = await startApi(here, { bufferLimit: room, submitTimeoutMs: 20_000, metrics });
  expect((await api.post('/v1/updates', increment(here.key('n')))).status).toBe(202);
  process.kill(redis.pid(), 'SIGSTOP');
  const goOn = () => {
    process.kill(redis.pid(), 'SIGCONT');
  };
  onTestFinished(goOn);
  return { here, api, metrics, goOn };
}

test('a post for which there is no room is refused before its body comes, on a connection that goes on', async () => {
  const { here, api, metrics, goOn } = await full();
  const requests = requestsOf(api);
  const first = api.post('/v1/updates', many(here));
  const batch = many(here);
  const { socket, heard, answers } = connectionTo(api);
  await until('the first has the room, and is read', () => requests[0]?.readableEnded === true);
  const [head = '', body = ''] = postText('/v1/updates', batch, KEEP).split('\r\n\r\n');
  socket.write(`${head}\r\n\r\n`);
  await until('it is refused, though its body is not there', () => answers().length === 1);
  expect(heard()).toMatch(/^HTTP\/1\.1 429 /);
  expect(heard()).toMatch(/\r\nRetry-After: 1\r\n/i);
  expect(heard()).not.toMatch(/\r\nConnection: close/i);
  await until('all of the answer is there', () => heard().endsWith('}'));
  const problem = JSON.parse(heard().slice(heard().indexOf('{'))) as ShownProblem;
  expect(problem).toMatchObject({ code: 'BACKPRESSURE', accepted: 'none' });

  // What comes now is the body, whatever it looks like, and after it the next request.
  const smuggled = 'GET /v1/operations HTTP/1.1\r\nHost: localhost\r\n\r\n';
  socket.write(smuggled + body.slice(smuggled.length));
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  await until('the connection ends', () => socket.closed);
  expect(answers()).toEqual(['429', '200']);
  expect(heard()).toContain('{"status":"ok"}');
  expect(await metrics.text()).toContain('tally_http_turned_away_total{code="BACKPRESSURE"} 1');

  goOn();
  expect((await first).status).toBe(202);
  expect((await api.post('/v1/updates', many(here, 10))).status).toBe(202); // there is room again
});

test.each(['/v1/updates', '/v1/events'])(
  'while there is no room at %s, all forms of updates are refused',
  async (path) => {
    const { here, api, goOn } = await full();
    const requests = requestsOf(api);
    const first = api.post('/v1/updates', many(here));
    await until('the first has the room, and is read', () => requests[0]?.readableEnded === true);
    const event = {
      specversion: '1.0',
      id: '1',
      source: '/a',
      type: 'tally.counter.increment',
      data: { key: here.key('n') },
    };
    const binary = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/a', 'ce-type': 'tally.counter.increment' };
    const transaction = {
      operation: 'transaction',
      params: { updates: [increment(here.key('n')), increment(here.key('m'))] },
    };
    const bodies: [unknown, Record<string, string>][] =
      path === '/v1/updates'
        ? [
            [increment(here.key('n')), {}],
            [many(here, 5), {}],
            [transaction, {}],
          ]
        : [
            [event, { 'content-type': 'application/cloudevents+json' }],
            [[event], { 'content-type': 'application/cloudevents-batch+json' }],
            [event.data, binary],
          ];
    const answers = await Promise.all(bodies.map(([body, headers]) => api.post<ShownProblem>(path, body, headers)));
    expect(answers.map(({ status, body, headers }) => [status, body.code, headers.get('retry-after')])).toEqual(
      bodies.map(() => [429, 'BACKPRESSURE', '1']),
    );
    goOn();
    expect((await first).status).toBe(202);
  },
);

test('clients that are slow to send a body, or leave, take no room from others', async () => {
  const here = place();
  const api = await startApi(here, { bufferLimit: 1_000 });
  const [slow, leaving] = [connectionTo(api), connectionTo(api)];
  const text = postText('/v1/updates', many(here), KEEP);
  const requests = requestsOf(api);
  for (const { socket } of [slow, leaving]) {
    socket.write(text.slice(0, 5_000));
  }
  await until('one has the room, and the other is in line', () => requests.length === 2 && requests.some(isIn));
  leaving.socket.destroy();
  expect((await api.post('/v1/updates', many(here))).status).toBe(202);
  slow.socket.write(text.slice(5_000));
  await until('the slow one is answered', () => slow.answers().length === 1);
  expect(slow.answers()).toEqual(['202']);
});

test('a request that waits for outcomes leaves its room to others meanwhile', async () => {
  const here = place();
  const api = await startApi(here, { bufferLimit: 1_000 });
  const waiting = api.post('/v1/updates?wait=30000', many(here));
  await until('it is queued', async () => (await here.client.llen(`${here.partition.prefix}:counters:wait`)) > 0);
  expect((await api.post('/v1/updates', many(here))).status).toBe(202);
  await here.worker();
  expect((await waiting).status).toBe(200);
});

test('probes are answered between the bodies of many large posts', async () => {
  const here = place();
  const api = await startApi(here);
  await api.post('/v1/updates', many(here));
  const posts = Array.from({ length: 30 }, () => api.post('/v1/updates', many(here)));
  let [isOver, probes] = [false, 0];
  void Promise.all(posts).then(() => (isOver = true));
  while (!isOver) {
    expect((await api.request('/healthz')).status).toBe(200);
    probes += 1;
  }
  expect((await Promise.all(posts)).map(({ status }) => status)).toEqual(posts.map(() => 202));
  expect(probes).toBeGreaterThan(posts.length);
});

test("an API key's rate of updates counts the updates of each request, and what is over it is not read", async () => {
  const here = place();
  const metrics = createMetrics();
  const { secret } = await addKey(here, { updateRate: { updates: 100, windowSeconds: 60 } });
  const api = await startApi(here, { metrics });
  const { post, get } = callerWith(api, `Bearer ${secret}`);
  expect((await post('/v1/updates', many(here, 60))).status).toBe(202);
  expect((await post('/v1/updates', [{ operation: 'nothing' }])).status).toBe(422);
  expect((await post('/v1/updates', many(here, 90))).status).toBe(202); // 40 were left
  const { socket, heard } = connectionTo(api);
  const headers = [...KEEP, `Authorization: Bearer ${secret}`];
  const [head = ''] = postText('/v1/updates', many(here, 1), headers).split('\r\n\r\n');
  socket.write(`${head}\r\n\r\n`);
  await until('it is refused, though its body is not there', () => heard().endsWith('}'));
  expect(heard()).toMatch(/^HTTP\/1\.1 429 /);
  const seconds = Number(/\r\nRetry-After: (\d+)\r\n/i.exec(heard())?.[1]);
  expect(seconds).toBeGreaterThan(20); // 50 more than there were, at 100 a minute
  expect(seconds).toBeLessThanOrEqual(32);
  expect(heard()).toContain('"code":"RATE_LIMITED"');
  expect(heard()).toContain('100 updates a minute');
  expect((await get('/v1/operations')).status).toBe(200); // reads hold no updates
  expect(await metrics.text()).toContain('tally_http_turned_away_total{code="RATE_LIMITED"} 1');
});

/** A post whose head does not say how long its body is. */
const chunked = (body: unknown, headers: readonly string[]) => {
  const [head = '', text = ''] = postText('/v1/updates', body, headers).split('\r\n\r\n');
  const unknown = head.replace(/\r\nContent-Length: \d+/i, '\r\nTransfer-Encoding: chunked');
  return { head: `${unknown}\r\n\r\n`, body: `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n` };
};

test('a body whose length tells nothing counts as one update by the rate of its API key until it is read', async () => {
  const here = place();
  const { secret } = await addKey(here, { updateRate: { updates: 12, windowSeconds: 60 } });
  const api = await startApi(here);
  const { post } = callerWith(api, `Bearer ${secret}`);
  const headers = [...KEEP, `Authorization: Bearer ${secret}`];
  const requests = requestsOf(api);
  const one = chunked(increment(here.key('n')), headers);
  const slow = Array.from({ length: 4 }, () => connectionTo(api));
  for (const { socket } of slow) {
    socket.write(one.head);
  }
  await until('they are let in', () => requests.length === 4 && requests.every(isIn));
  const gzipped = () =>
    fetch(`${api.origin}/v1/updates`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip', Authorization: `Bearer ${secret}` },
      body: gzipSync(JSON.stringify(increment(here.key('n')))),
    });
  const others = [...Array.from({ length: 4 }, gzipped), post('/v1/updates', increment(here.key('n')))];
  expect((await Promise.all<{ status: number }>(others)).map(({ status }) => status)).toEqual(others.map(() => 202));
  for (const { socket } of slow) {
    socket.write(one.body);
  }
  await until('the slow ones are answered', () => slow.every(({ answers }) => answers().length === 1));
  expect(slow.flatMap(({ answers }) => answers())).toEqual(slow.map(() => '202'));

  const large = chunked(many(here, 20), headers);
  const two = Array.from({ length: 2 }, () => connectionTo(api));
  for (const { socket } of two) {
    socket.write(large.head);
  }
  await until('both are let in', () => requests.slice(9).filter(isIn).length === 2);
  for (const { socket } of two) {
    socket.write(large.body);
  }
  await until('both are answered', () => two.every(({ answers }) => answers().length === 1));
  expect(two.flatMap(({ answers }) => answers()).sort()).toEqual(['202', '429']); // what they hold counts in the end
});

const put = (url: string, secret: string, body: unknown) =>
  fetch(url, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${secret}` },
    body: JSON.stringify(body),
  });

test('schedules that are put, refused or forbidden leave their room to others', async () => {
  const here = place();
  const [writer, reader] = [await addKey(here), await addKey(here, { readOnly: true })];
  const api = await startApi(here, { bufferLimit: 10, submitTimeoutMs: 500 });
  const schedule = { everyMs: 3_600_000, update: increment(here.key('n')) };
  for (let sent = 0; sent < 10; sent += 1) {
    const url = `${api.origin}/v1/schedules/hourly`;
    expect((await put(url, writer.secret, schedule)).status).toBe(200);
    expect((await put(url, writer.secret, {})).status).toBe(422);
    expect((await put(url, reader.secret, schedule)).status).toBe(403);
  }
  const { post } = callerWith(api, `Bearer ${writer.secret}`);
  expect((await post('/v1/updates', many(here, 10))).status).toBe(202);
});

test('what was refused, or was not sent, is not counted by the rate of updates', async () => {
  const here = place();
  const { secret } = await addKey(here, { updateRate: { updates: 10, windowSeconds: 60 } });
  const api = await startApi(here);
  const { post } = callerWith(api, `Bearer ${secret}`);
  const leaving = connectionTo(api);
  const headers = [...KEEP, `Authorization: Bearer ${secret}`];
  const requests = requestsOf(api);
  leaving.socket.write(postText('/v1/updates', many(here), headers).slice(0, 1_000));
  await until('it is let in', () => isIn(requests[0]));
  leaving.socket.destroy();
  await until('it has left', () => requests[0]?.destroyed === true);
  const invalid = { operation: 'nothing' };
  for (let sent = 0; sent < 12; sent += 1) {
    expect((await post('/v1/updates', invalid)).status).toBe(422);
    expect((await put(`${api.origin}/v1/schedules/none`, secret, {})).status).toBe(422);
  }
  expect((await post('/v1/updates', many(here, 9))).status).toBe(202);
});

test('requests behind one that waits leave nothing behind when their client goes', async () => {
  const here = place();
  const metrics = createMetrics();
  const api = await startApi(here, { bufferLimit: 2_000, metrics });
  const requests = requestsOf(api);
  const { socket } = connectionTo(api);
  socket.write(postText('/v1/updates?wait=30000', increment(here.key('n')), KEEP)); // nobody applies it
  await until('the first is read', () => requests[0]?.readableEnded === true);
  const head = [
    'POST /v1/updates HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    'Transfer-Encoding: chunked',
  ];
  const badAndOfUnknownLength = `${head.join('\r\n')}\r\n\r\n2\r\n{]\r\n0\r\n\r\n`;
  socket.write(badAndOfUnknownLength.repeat(2)); // each may hold 1,000 updates
  await until('the others are read', () => requests[2]?.readableEnded === true);
  socket.destroy();
  expect((await api.post('/v1/updates', increment(here.key('n')))).status).toBe(202);
  await until('all are counted as ended', async () => {
    const text = await metrics.text();
    return /route="\/v1\/updates",status="aborted"} 3\b/.test(text);
  });
});
