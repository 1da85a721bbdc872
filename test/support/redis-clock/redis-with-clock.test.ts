import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { clockShim } from '../../../src/testing/clock-shim.js';
import { startRedisWithClock } from './redis-with-clock.js';
import type { RedisWithClock } from './redis-with-clock.js';

const HOUR_MS = 3_600_000;

/** Slack for a busy machine. */
const SLACK_MS = 5_000;

describe.runIf(process.platform === 'linux')('a Redis whose clock tests can move', () => {
  test('tells the time at which its clock was set, forward and back, while the process runs on', async () => {
    const { server, redis } = await start();
    const pid = server.pid();
    await expectAhead(redis, 0);

    server.clock.set(25 * HOUR_MS);
    await expectAhead(redis, 25 * HOUR_MS);
    server.clock.advance(-26 * HOUR_MS - 1);
    expect(server.clock.offsetMs).toBe(-HOUR_MS - 1);
    await expectAhead(redis, -HOUR_MS);
    expect(server.pid()).toBe(pid);
  });

  test('lets keys expire when its clock passes their end, and only then', async () => {
    const { server, redis } = await start();
    await redis.set('receipt', 'applied', 'EX', 24 * 3_600);
    server.clock.advance(23 * HOUR_MS);
    expect(await redis.get('receipt')).toBe('applied');
    server.clock.advance(HOUR_MS + 1); // a key stands to the end of its last millisecond, and this test takes less than one
    expect(await redis.get('receipt')).toBeNull();
  });

  test('ends the wait of a blocked client when its clock passes the end of it', async () => {
    const { server, redis } = await start();
    const waiting = redis.duplicate();
    onTestFinished(() => {
      waiting.disconnect();
    });
    const popped = waiting.blpop('list', 60);
    while (!(await redis.info('clients')).includes('blocked_clients:1'));
    server.clock.set(HOUR_MS);
    expect(await popped).toBeNull();
  });

  test('keeps its data and its wrong clock when it is killed and started again', async () => {
    const { server, redis } = await start();
    server.clock.set(-HOUR_MS);
    await redis.set('kept', 'yes');
    await server.kill();
    expect(server.isRunning).toBe(false);
    await server.restart();
    expect(await redis.get('kept')).toBe('yes');
    await expectAhead(redis, -HOUR_MS);
  });

  test('is moved by a library that is compiled once', () => {
    expect(clockShim()).toBe(clockShim());
  });
});

async function start(): Promise<{ server: RedisWithClock; redis: Redis }> {
  const server = await startRedisWithClock();
  const redis = new Redis(server.url, { retryStrategy: () => 50 });
  redis.on('error', () => undefined);
  onTestFinished(async () => {
    redis.disconnect();
    await server.stop();
  });
  return { server, redis };
}

/** By the command and in a script. */
async function expectAhead(redis: Redis, expectedMs: number): Promise<void> {
  for (const time of [await redis.time(), (await redis.eval("return redis.call('TIME')", 0)) as string[]]) {
    const [seconds, micros] = time.map(Number) as [number, number];
    const aheadMs = seconds * 1_000 + micros / 1_000 - Date.now();
    expect(aheadMs).toBeGreaterThan(expectedMs - SLACK_MS);
    expect(aheadMs).toBeLessThan(expectedMs + SLACK_MS);
  }
}
