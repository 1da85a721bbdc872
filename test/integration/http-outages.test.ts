import { connect } from 'node:net';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { startApi } from '../support/http-api.js';
import type { ShownProblem, ShownUpdate } from '../support/http-api.js';
import { startStopwatch } from '../support/stopwatch.js';
import { ownRedis, place, until } from '../support/tally.js';

const increment = (key: string) => ({ operation: 'counter.increment', params: { key } });

test('while Redis is gone, every endpoint that needs it answers 503 in time, and nothing is accepted', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const { get, post } = await startApi(here, { submitTimeoutMs: 1_000 });
  const first = await post('/v1/updates', increment(here.key('before')));
  await redis.stop();
  const elapsedMs = startStopwatch();
  const updates = [increment(here.key('n')), { operation: 'xp.award', params: { key: here.key('xp'), amount: 1 } }];
  const answers = await Promise.all([
    post<ShownProblem>('/v1/updates', increment(here.key('n'))),
    post<ShownProblem>('/v1/updates?wait=20000', updates),
    post<ShownProblem>('/v1/updates', [{ ...increment(here.key('n')), idempotencyKey: here.key('k') }]),
    get<ShownProblem>(`/v1/updates/${first.body.updates[0]!.id}`),
    get<ShownProblem>(`/v1/cells?key=${here.key('n')}`),
  ]);
  expect(elapsedMs()).toBeLessThan(3_000);
  for (const { status, headers, body } of answers) {
    expect({ status, code: body.code, retryAfter: headers.get('retry-after') }).toEqual({
      status: 503,
      code: 'QUEUE_UNAVAILABLE',
      retryAfter: '5',
    });
    expect(body.accepted).toMatch(/none|unknown/);
    expect(body.detail).toMatch(/nothing was accepted|not known whether/);
    expect(JSON.stringify(body)).not.toContain(new URL(redis.url).port);
  }

  await redis.start();
  await until('it accepts again', async () => (await post('/v1/updates', increment(here.key('after')))).status === 202);
  await here.worker();
  await until('what was accepted is applied', async () => (await here.client.exists(here.key('after'))) === 1);
  expect(await here.client.exists(here.key('n'), here.key('xp'))).toBe(0);
});

test('a request that met a hanging Redis is sent again with its keys, and takes effect once', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const { post } = await startApi(here, { submitTimeoutMs: 500 });
  await here.worker();
  const key = here.key('n');
  const updates = Array.from({ length: 300 }, (_, index) => {
    return { ...increment(key), idempotencyKey: here.key(String(index)) };
  });
  await post('/v1/updates', increment(here.key('warm-up')));
  process.kill(redis.pid(), 'SIGSTOP');
  const refused = await post<ShownProblem>('/v1/updates', updates);
  expect(refused).toMatchObject({ status: 503, body: { code: 'QUEUE_UNAVAILABLE' } });
  process.kill(redis.pid(), 'SIGCONT');
  await until('it is accepted', async () => (await post('/v1/updates?wait=10000', updates)).status === 200);
  await until('it is applied', async () => (await here.client.get(key)) === '300');
  const again = await post('/v1/updates?wait=10000', updates);
  expect(again.body.updates.every(({ status, duplicate }) => status === 'applied' && duplicate)).toBe(true);
  expect(await here.client.get(key)).toBe('300');
});

test('a request that waits for outcomes is answered when Redis becomes unreachable', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const { post } = await startApi(here);
  const waiting = post('/v1/updates?wait=1500', increment(here.key('n')));
  await until('it is queued', async () => (await here.client.llen(`${here.partition.prefix}:counters:wait`)) === 1);
  await redis.stop();
  expect(await waiting).toMatchObject({ status: 200, body: { updates: [{ status: 'accepted' }] } });
  await redis.start();
});

test('too many waiting jobs are a 429 with the time to wait, and nothing of the request is accepted', async () => {
  const here = place();
  const { post } = await startApi(here, { backlogLimit: 5, maxBatch: 1 });
  let accepted = 0;
  let refused: Awaited<ReturnType<typeof post<ShownProblem>>> | undefined;
  await until('it refuses', async () => {
    const answer = await post<ShownProblem>('/v1/updates', increment(here.key('n')));
    accepted += answer.status === 202 ? 1 : 0;
    refused = answer.status === 202 ? undefined : answer;
    return refused !== undefined;
  });
  expect(refused).toMatchObject({ status: 429, body: { code: 'BACKPRESSURE', accepted: 'none' } });
  expect(refused!.headers.get('retry-after')).toBe('1');
  const other = { operation: 'xp.award', params: { key: here.key('xp'), amount: 1 } };
  const mixed = await post<ShownProblem>('/v1/updates', [other, increment(here.key('n'))]);
  expect(mixed.status).toBe(429);

  await here.worker();
  await until('it accepts again', async () => {
    const answer = await post('/v1/updates?wait=10000', increment(here.key('n')));
    accepted += answer.status === 200 ? 1 : 0;
    return answer.status === 200;
  });
  expect(await here.client.get(here.key('n'))).toBe(String(accepted));
  expect(await here.client.exists(here.key('xp'))).toBe(0);
});

test.each([
  ['', 0],
  [', while the process is busy', 700],
])(
  'a stop under load%s answers every request that was taken, and applies what it answered as accepted',
  async (_, busyMs) => {
    const here = place();
    const { api, post, server } = await startApi(here);
    const key = here.key('n');
    const codes = new Map<number, number>();
    let cut = 0;
    const client = async () => {
      for (;;) {
        try {
          const { status } = await post('/v1/updates', [increment(key), increment(key)]);
          codes.set(status, (codes.get(status) ?? 0) + 1);
          if (status !== 202) {
            return;
          }
        } catch (error) {
          const { code } = (error as { cause?: { code?: string } }).cause ?? {};
          cut += code === 'ECONNREFUSED' ? 0 : 1;
          return;
        }
      }
    };
    const clients = Array.from({ length: 30 }, client);
    await until('there is load', () => (codes.get(202) ?? 0) > 500);
    api.drain();
    const closing = server.closeInOrder(5_000);
    const untilMs = performance.now() + busyMs;
    while (performance.now() < untilMs) {
      // Neither the server nor its clients get to anything.
    }
    await closing;
    await api.close();
    await Promise.all(clients);
    expect(cut).toBe(0);
    expect([...codes.keys()].filter((status) => status !== 202 && status !== 503)).toEqual([]);

    await here.worker();
    const accepted = 2 * codes.get(202)!;
    await until('all is applied', async () => Number(await here.client.get(key)) >= accepted);
    expect(await here.client.get(key)).toBe(String(accepted));
  },
);

test('a stop does not wait for outcomes: who waits is answered with what is there', async () => {
  const here = place();
  const { api, post, server, request } = await startApi(here);
  const waiting = post<{ updates: ShownUpdate[] }>('/v1/updates?wait=30000', increment(here.key('n')));
  await until('it is queued', async () => (await here.client.llen(`${here.partition.prefix}:counters:wait`)) === 1);
  api.drain();
  expect(await waiting).toMatchObject({ status: 200, body: { updates: [{ status: 'accepted' }] } });
  const refused = await request('/v1/updates', { method: 'POST' });
  expect({ status: refused.status, problem: await refused.json() }).toMatchObject({
    status: 503,
    problem: { code: 'STOPPING', accepted: 'none' },
  });
  const elapsedMs = startStopwatch();
  await server.closeInOrder(5_000);
  expect(elapsedMs()).toBeLessThan(1_000);
});

test('a client that sends nothing can not keep the server from closing', async () => {
  const { server } = await startApi(place());
  const { port } = server.address() as { port: number };
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('POST /v1/updates HTTP/1.1\r\n');
  await until('it is connected', () => !socket.connecting);
  const elapsedMs = startStopwatch();
  await server.closeInOrder(300);
  expect(elapsedMs()).toBeLessThan(2_000);
  socket.destroy();
});

test('/readyz says that Redis does not answer, while it is silent and when it is gone, and /healthz needs none', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
  const { get } = await startApi({ ...here, logger });
  expect(await get('/readyz')).toMatchObject({ status: 200, body: { status: 'ready' } });
  process.kill(redis.pid(), 'SIGSTOP');
  onTestFinished(() => {
    process.kill(redis.pid(), 'SIGCONT');
  });
  const elapsedMs = startStopwatch();
  const silent = await get<ShownProblem>('/readyz');
  expect(elapsedMs()).toBeLessThan(5_000);
  expect({ retryAfter: silent.headers.get('retry-after'), ...silent.body }).toMatchObject({
    status: 503,
    retryAfter: '5',
    code: 'NOT_READY',
    detail: expect.stringMatching(/^Redis does not answer/) as string,
    errors: [{ path: '', code: 'REDIS_AWAY', message: expect.stringMatching(/^Redis does not answer/) as string }],
  });
  expect(silent.body).not.toHaveProperty('redisCode');
  expect(await get('/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  process.kill(redis.pid(), 'SIGCONT');
  await until('it is ready again', async () => (await get('/readyz')).status === 200);
  await redis.stop();
  const { host, port } = new URL(redis.url);
  const details = new Set<string>();
  await until('it says why', async () => {
    const { body } = await get<ShownProblem>('/readyz');
    details.add(JSON.stringify(body));
    return body.detail === 'Redis does not answer (ECONNREFUSED)';
  });
  expect([...details].filter((text) => text.includes(port))).toEqual([]); // anybody may ask
  const told = lines.filter((line) => line.includes('not ready: '));
  expect(told).toHaveLength(2); // once for each time
  expect(told[1]).toContain(host);
  await redis.start();
});
