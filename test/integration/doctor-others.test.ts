import { expect, test } from 'vitest';
import { VERSION } from '../../src/lib/version.js';
import { tally } from '../support/command.js';
import { foreignWorker, openQueue } from '../support/queues.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** What doctor says of other programs, and of other versions, on the queues. */

const doctor = ({ redis, namespace, prefix }: Place) =>
  tally({ REDIS_URL: redis, TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix }, 'doctor');

test('doctor says that only workers of Tally are connected, or which others are', async () => {
  const here = place();
  await here.worker();
  expect((await doctor(here)).stdout).toMatch(/ok {4}other programs +no workers but those of Tally/);

  await foreignWorker(here, 'inventory', () => Promise.resolve());
  const { code, stdout } = await doctor(here);

  expect(code).toBe(0);
  const said = stdout.replace(/\s+/g, ' ');
  expect(said).toContain(
    `workers that are not Tally's are connected to ${here.partition.prefix}:inventory (from 127.0.0.1:`,
  );
  expect(said).not.toContain(':counters (from');
});

test('doctor says what waits, how long, and what slows a queue down or has failed', async () => {
  const here = place();
  expect((await doctor(here)).stdout).toMatch(/ok {4}queues +nothing waits for long/);

  const counters = openQueue(here);
  await counters.setGlobalRateLimit(1, 60_000);
  await counters.setGlobalConcurrency(2);
  await openQueue(here, 'xp').pause();
  await here.client.rpush(here.key('wrong'), 'not a number');
  const producer = here.producer();
  const failing = await producer.submit({
    operation: 'inventory.restock',
    params: { key: here.key('wrong'), quantity: 1 },
  });
  const worker = await here.worker({ queues: ['inventory'] });
  await failing.outcome();
  await worker.close();
  const submissions = await producer.submit(
    Array.from({ length: 300 }, () => ({ operation: 'counter.increment', params: { key: here.key('n') } }) as const),
  );
  const { jobId } = submissions[0]!;
  await here.client.hset(`${here.partition.prefix}:counters:${jobId}`, 'timestamp', Date.now() - 600_000);

  const { code, stdout } = await doctor(here);

  expect(code).toBe(0);
  const said = stdout.replace(/\s+/g, ' ');
  expect(said).toContain('counters has a rate limit of 1 job a minute for all workers together');
  expect(said).toContain('counters runs 2 jobs at a time at most');
  expect(said).toMatch(/counters is late: 300 updates wait in 2 jobs, the oldest for 10 minutes; none was applied/);
  expect(said).toContain('xp is paused');
  expect(said).toMatch(/inventory holds 1 failed job, the first from \d+ seconds? ago/);
});

test('doctor says which processes are connected, and whose clock is off', async () => {
  const here = place();
  expect((await doctor(here)).stdout).toMatch(/ok {4}processes +no worker, API or dashboard is connected/);
  await here.worker();
  const processes = `${here.namespace}:processes`;
  await until('the worker is known', async () => (await here.client.hlen(processes)) === 1);
  const [field = '', text = ''] = Object.entries(await here.client.hgetall(processes))[0] ?? [];
  expect((await doctor(here)).stdout).toMatch(/ok {4}processes +1 worker; clocks at most \d+ ms off/);
  const other = { ...(JSON.parse(text) as object), host: 'far-away', version: '0.0.9', clockOffsetMs: -90_000 };
  await here.client.hset(processes, `${field}-2`, JSON.stringify(other));
  await here.client.hset(processes, 'gone', JSON.stringify({ ...other, host: 'long-gone', atMs: 1 }));
  await here.client.hset(processes, 'strange', '{');

  const said = (await doctor(here)).stdout.replace(/\s+/g, ' ');

  expect(said).toMatch(/WARN processes the clock of worker \d+ on far-away is 90 seconds ahead of Redis/);
  expect(said).toMatch(/several versions of Tally run: .*0\.0\.9/);
  expect(said).not.toContain('long-gone');
});

test('doctor says that a file is not written to disk in time, and that memory has no limit', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const said = async () => (await doctor(here)).stdout.replace(/\s+/g, ' ');
  expect(await said()).toMatch(/WARN memory \S+ MiB used, no limit/);
  expect(await said()).toMatch(/ok append-only file is written to disk every second/);
  await here.client.config('SET', 'appendfsync', 'no');
  await here.client.config('SET', 'maxmemory', '200mb');
  expect(await said()).toMatch(/WARN append-only file appendfsync is no: a crash of the machine loses/);
  expect(await said()).toMatch(/ok memory \S+ MiB used of 200\.0 MiB/);
  const [, used] = /used_memory:(\d+)/.exec(await here.client.info('memory'))!;
  await here.client.config('SET', 'maxmemory', Math.round(Number(used) * 1.1));
  expect(await said()).toMatch(/WARN memory \S+ MiB used of \S+ MiB: when it is full, Redis refuses updates/);
});

test('doctor prints JSON, with the same exit code', async () => {
  const here = place();
  const environment = { REDIS_URL: here.redis, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const well = await tally(environment, 'doctor', '--json');
  expect(well.code).toBe(0);
  const { ok, findings } = JSON.parse(well.stdout) as { ok: boolean; findings: object[] };
  expect(ok).toBe(true);
  expect(findings).toContainEqual({ level: 'ok', subject: 'role', message: 'this is a master' });
  const ill = await tally({ REDIS_URL: 'redis://127.0.0.1:1' }, 'doctor', '--json');
  expect(ill.code).toBe(1);
  expect(JSON.parse(ill.stdout)).toMatchObject({ ok: false, findings: [{ level: 'error', subject: 'connection' }] });
});

test('doctor says that jobs of a newer form wait', async () => {
  const here = place();
  await openQueue(here).add('counter.increment', { v: 99, updates: [{ key: here.key('n') }] }, { delay: 60_000 });

  const { stdout } = await doctor(here);

  expect(stdout.replace(/\s+/g, ' ')).toMatch(/jobs of form 99 wait in counters, .* update the workers first/);
});

test('doctor says that updates are accepted, and that nothing applies them', async () => {
  const here = place();
  const api = { role: 'api', host: 'a', pid: 1, version: VERSION, startedAtMs: 0, memoryBytes: 0, clockOffsetMs: 0 };
  await here.client.hset(`${here.namespace}:processes`, 'a:1:api', JSON.stringify({ ...api, atMs: Date.now() }));
  expect((await doctor(here)).stdout).toMatch(
    /WARN +processes +no worker is connected: updates are accepted, and wait/,
  );

  await here.worker();
  await until('the worker is known', async () => (await here.client.hlen(`${here.namespace}:processes`)) === 2);
  expect((await doctor(here)).stdout).not.toContain('no worker is connected');
});
