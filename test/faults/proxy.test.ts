import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, inject, onTestFinished, test } from 'vitest';
import type { Outcome } from '../../src/index.js';
import { ownRedis, place, until } from '../support/tally.js';
import { startFaultProxy } from './proxy.js';
import type { FaultProxy } from './proxy.js';

const QUICK = { lockDurationMs: 1_000, stalledIntervalMs: 500 };
const ONCE: Outcome = { status: 'applied', result: { value: 5, applied: 5 } };

/** A script that counts as 'apply' where it is named: what was written shows in its key. */
const INCREMENT = "return redis.call('INCR', KEYS[1])";
const applyShas = [createHash('sha1').update(INCREMENT).digest('hex')];

test.each([
  ['drop-request', null],
  ['drop-reply', '1'],
] as const)('%s of a script leaves its key at %s, and the client without an answer', async (effect, value) => {
  const proxy = await faultProxy({ applyShas });
  const here = place();
  const key = here.key('count');
  const client = connectOnce(proxy.url);
  const strike = proxy.strike('apply', effect, 5_000);
  const before = client.incr(here.key('before'));
  await expect(client.eval(INCREMENT, 1, key)).rejects.toThrow('Connection is closed');
  expect(await strike).toBe(true);
  await before.catch(() => undefined); // its answer may be lost with the connection
  await until('the command before has run', async () => (await here.client.get(here.key('before'))) === '1');
  expect(await here.client.get(key)).toBe(value);
  await until('the connection is gone', () => proxy.connections === 0);

  const later = connectOnce(proxy.url);
  expect(await later.eval(INCREMENT, 1, key)).toBe(value === null ? 1 : 2);
});

test.each([
  ['drop-request', null],
  ['drop-reply', '1'],
] as const)('%s within a transaction: none of it has run, or all', async (effect, value) => {
  const proxy = await faultProxy({ applyShas });
  const here = place();
  const [key, other] = [here.key('count'), here.key('other')];
  const client = connectOnce(proxy.url);
  const strike = proxy.strike('apply', effect, 5_000);
  const transaction = client.multi().incr(other).eval(INCREMENT, 1, key).incr(other).exec();
  await expect(transaction).rejects.toThrow('Connection is closed');
  expect(await strike).toBe(true);
  expect(await here.client.mget(key, other)).toEqual([value, value === null ? null : '2']);
});

test('drop-reply within a transaction waits for an EXEC that comes later', async () => {
  const proxy = await faultProxy({ applyShas });
  const here = place();
  const key = here.key('count');
  const socket = connectRaw(proxy.url);
  const strike = proxy.strike('apply', 'drop-reply', 5_000);
  socket.write(Buffer.concat([encode('MULTI'), encode('EVAL', INCREMENT, '1', key)]));
  await until('the script was forwarded', () => proxy.seen.apply === 1);
  socket.write(encode('EXEC'));
  expect(await strike).toBe(true);
  expect(await here.client.get(key)).toBe('1');
});

test('a script that is held back reaches Redis after its client has sent it again over another connection', async () => {
  const proxy = await faultProxy({ applyShas });
  const here = place();
  const key = here.key('count');
  let deliver: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    deliver = resolve;
  });
  const held = proxy.hold('apply', { until: () => released, timeoutMs: 5_000, holding: [key] });
  await expect(connectOnce(proxy.url).eval(INCREMENT, 1, key)).rejects.toThrow('Connection is closed');
  expect(await held.begun).toBe(true);
  expect(await here.client.get(key)).toBeNull();

  const passes = proxy.passes('apply', [key], 5_000);
  expect(await connectOnce(proxy.url).eval(INCREMENT, 1, key)).toBe(1);
  expect(await passes).toBe(true);
  deliver();
  expect(await held.delivered).toBe(true);
  expect(await here.client.get(key)).toBe('2');
  expect(proxy.deliveredLate).toBe(1);
});

test.each([
  ['apply', 'drop-request'],
  ['apply', 'drop-reply'],
  ['complete', 'drop-request'],
  ['complete', 'drop-reply'],
  ['settle', 'drop-request'],
  ['settle', 'drop-reply'],
] as const)('a worker whose %s meets a %s applies the update once', async (kind, effect) => {
  const proxy = await faultProxy();
  const here = place();
  const key = here.key('count');
  await here.worker({ ...QUICK, redis: proxy.url });
  const strike = proxy.strike(kind, effect, 10_000);
  const submission = await here.producer().counters.increment({ key, by: 5 });
  expect(await strike).toBe(true);
  expect(await submission.outcome()).toEqual(ONCE);
  expect(await here.client.get(key)).toBe('5');
});

test.each(['drop-request', 'drop-reply'] as const)('a producer whose add meets a %s adds one job', async (effect) => {
  const proxy = await faultProxy();
  const here = place();
  const key = here.key('count');
  await here.worker();
  const strike = proxy.strike('add', effect, 5_000);
  const submission = await here.producer({ redis: proxy.url }).counters.increment({ key, by: 5 });
  expect(await strike).toBe(true);
  expect(await submission.outcome()).toEqual(ONCE);
  const queue = new Queue('counters', { connection: here.client, prefix: here.prefix });
  expect(await queue.getJobCountByTypes('completed', 'failed', 'waiting', 'active', 'delayed')).toBe(1);
  await queue.close();
});

test('commands of each kind are told apart, also when Redis has lost its scripts', async () => {
  const redis = await ownRedis();
  const proxy = await faultProxy({}, redis.url);
  const here = place(redis.url);
  await here.worker({ redis: proxy.url });
  const producer = here.producer({ redis: proxy.url, maxBatch: 1 });
  for (const options of [{}, { delay: 1 }]) {
    await here.client.script('FLUSH');
    const submission = await producer.counters.increment({ key: here.key('count') }, options);
    await submission.outcome();
  }
  await until('they are settled', () => proxy.seen.settle > 0);
  const { apply, add, complete, any } = proxy.seen;
  for (const seen of [apply, add, complete]) {
    expect(seen).toBeGreaterThanOrEqual(2); // more, where Redis had to be asked again with the text
    expect(seen).toBeLessThanOrEqual(4);
  }
  expect(any).toBeGreaterThan(apply + add + complete);
});

test('a strike whose command does not come in time does nothing', async () => {
  const proxy = await faultProxy({ applyShas });
  const here = place();
  const client = connectOnce(proxy.url);
  const strike = proxy.strike('apply', 'drop-request', 50);
  expect(await client.incr(here.key('count'))).toBe(1);
  expect(await strike).toBe(false);
  expect(await client.eval(INCREMENT, 1, here.key('count'))).toBe(2);
  expect(proxy.seen.apply).toBe(1);
});

test('a delay holds back old and new connections and then delivers in order', async () => {
  const proxy = await faultProxy();
  const here = place();
  const client = connectOnce(proxy.url);
  await client.ping();
  const startedAt = Date.now();
  const delay = proxy.delay(300);
  const values = ['a', 'b', 'c'];
  const pushes = values.map((value) => client.rpush(here.key('list'), value));
  const newcomer = connectOnce(proxy.url);
  const pong = newcomer.ping().then(() => Date.now() - startedAt);
  await here.client.ping();
  expect(await here.client.exists(here.key('list'))).toBe(0);
  expect(await Promise.all(pushes)).toEqual([1, 2, 3]);
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(295); // timers may fire a little early
  expect(await pong).toBeGreaterThanOrEqual(295);
  expect(await here.client.lrange(here.key('list'), 0, -1)).toEqual(values);
  await delay;
});

test('nothing comes out of a blackhole, and its connections end with it', async () => {
  const proxy = await faultProxy();
  const here = place();
  const client = connectOnce(proxy.url);
  await client.ping();
  const blackhole = proxy.blackhole(200);
  const old = client.incr(here.key('count'));
  const fresh = connectOnce(proxy.url).incr(here.key('count'));
  for (const { status } of await Promise.allSettled([old, fresh])) {
    expect(status).toBe('rejected');
  }
  await blackhole;
  expect(await here.client.exists(here.key('count'))).toBe(0);
  expect(await connectOnce(proxy.url).incr(here.key('count'))).toBe(1);
});

test('a cut ends all connections, and new ones work', async () => {
  const proxy = await faultProxy();
  const clients = [connectOnce(proxy.url), connectOnce(proxy.url)];
  await Promise.all(clients.map((client) => client.ping()));
  expect(proxy.connections).toBe(2);
  const ends = clients.map((client) => once(client, 'end'));
  proxy.cut();
  await Promise.all(ends);
  expect(proxy.connections).toBe(0);
  expect(await connectOnce(proxy.url).ping()).toBe('PONG');
});

test('after close nothing listens, and faults that waited are over', async () => {
  const proxy = await startFaultProxy(inject('redisUrl'));
  const { url } = proxy;
  const client = connectOnce(url);
  await client.ping();
  const faults = [proxy.strike('apply', 'drop-reply', 60_000), proxy.delay(60_000), proxy.blackhole(60_000)];
  await proxy.close();
  expect(await Promise.all(faults)).toEqual([false, undefined, undefined]);
  expect(proxy.connections).toBe(0);
  await expect(connectOnce(url).ping()).rejects.toThrow();
});

test('commands are found and passed on unchanged however they are split over chunks', async () => {
  const proxy = await faultProxy({ applyShas });
  const here = place();
  const key = here.key('bytes');
  const binary = Buffer.from([0, 13, 10, 42, 51, 13, 10, 36, 255, 128]); // with what looks like the start of a command
  const bytes = Buffer.concat([
    Buffer.from('PING\r\n'),
    encode('SET', key, binary),
    encode('EVAL', INCREMENT, '1', here.key('count')),
    encode('ECHO', 'end'),
  ]);
  for (const chunkLength of [1, 7, bytes.length]) {
    const socket = connectRaw(proxy.url);
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString();
    });
    for (let start = 0; start < bytes.length; start += chunkLength) {
      await new Promise((resolve) => socket.write(bytes.subarray(start, start + chunkLength), resolve));
    }
    await until('all is answered', () => answer.endsWith('$3\r\nend\r\n'));
    expect(answer).toMatch(/^\+PONG\r\n\+OK\r\n:\d\r\n/);
    expect(await here.client.getBuffer(key)).toEqual(binary);
  }
  expect(proxy.seen).toMatchObject({ apply: 3, any: 12 });
  expect(await here.client.get(here.key('count'))).toBe('3');
});

/** A proxy for the length of a test. Started before `place()`, it ends after the workers that use it. */
async function faultProxy(
  options: Parameters<typeof startFaultProxy>[1] = {},
  redis = inject('redisUrl'),
): Promise<FaultProxy> {
  const proxy = await startFaultProxy(redis, options);
  onTestFinished(() => proxy.close());
  return proxy;
}

/** A client that does not connect again, so that nothing is sent twice. */
function connectOnce(url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => null });
  client.on('error', () => undefined);
  onTestFinished(() => {
    client.disconnect();
  });
  return client;
}

/** A connection that sends just the bytes given to it. */
function connectRaw(url: string): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').setNoDelay();
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

/** A command as clients send it. */
function encode(...words: (string | Buffer)[]): Buffer {
  const parts = words.map((word) => Buffer.from(word));
  return Buffer.concat([
    Buffer.from(`*${parts.length}\r\n`),
    ...parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n')]),
  ]);
}
