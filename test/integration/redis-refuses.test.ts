import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createMetrics, QueueUnavailableError, RedisRefusedError } from '../../src/index.js';
import { tally } from '../support/command.js';
import { startDashboard } from '../support/dashboard.js';
import { startApi } from '../support/http-api.js';
import type { ShownProblem } from '../support/http-api.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { OwnRedis, Place } from '../support/tally.js';

type Answer = ShownProblem & { redisCode?: string };

const increment = (key: string) => ({ operation: 'counter.increment', params: { key } });

/** A log to look into. */
function logOf() {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { logger: pino({ level: 'info' }, stream), text: () => text };
}

/** A plain connection that is there before Redis begins to refuse. */
function operatorOf(url: string): Redis {
  const redis = new Redis(url);
  redis.on('error', () => undefined);
  onTestFinished(async () => {
    await redis.replicaof('NO', 'ONE');
    for (const [name, value] of USUAL) {
      await redis.config('SET', name, value);
    }
    redis.disconnect();
  });
  return redis;
}

/** What a Redis needs to take writes. */
const USUAL = [
  ['maxmemory', '0'],
  ['min-replicas-to-write', '0'],
  ['stop-writes-on-bgsave-error', 'no'],
  ['save', ''],
] as const;

async function failSaves(redis: Redis): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tally-no-disk-'));
  await redis.config('SET', 'dir', folder);
  await redis.config('SET', 'save', '3600 1');
  rmSync(folder, { recursive: true });
  await redis.bgsave();
  await until('saving has failed', async () =>
    (await redis.info('persistence')).includes('rdb_last_bgsave_status:err'),
  );
}

/** How to make a Redis refuse writes with each code, while it still reads. */
const REFUSALS: readonly {
  code: string;
  readsToo?: true;
  accepted?: 'unknown';
  refuse: (redis: Redis) => Promise<unknown>;
}[] = [
  { code: 'OOM', refuse: (redis) => redis.config('SET', 'maxmemory', '1mb') },
  {
    code: 'READONLY',
    accepted: 'unknown', // the connection leaves a replica, and then nothing can be told of what was sent before
    refuse: (redis) => redis.replicaof('127.0.0.1', 1),
  },
  { code: 'NOREPLICAS', refuse: (redis) => redis.config('SET', 'min-replicas-to-write', '1') },
  { code: 'MISCONF', refuse: failSaves },
  {
    code: 'NOPERM',
    readsToo: true,
    refuse: (redis) => redis.call('ACL', 'SETUSER', 'tally', '-@all', '+info', '+time'),
  },
];

const SETTINGS = ['--enable-protected-configs', 'yes', '--user', 'tally', 'on', '>secret', '~*', '&*', '+@all'];

async function refusing(): Promise<{ redis: OwnRedis; here: Place; url: string; operator: Redis }> {
  const redis = await ownRedis(SETTINGS);
  const url = redis.url.replace('redis://', 'redis://tally:secret@');
  return { redis, here: place(redis.url), url, operator: operatorOf(redis.url) };
}

describe.each(REFUSALS)('a Redis that refuses with $code', ({ code, readsToo, refuse, accepted = 'none' }) => {
  test('is told so in the library, and how much was accepted', async () => {
    const { here, url, operator } = await refusing();
    const metrics = createMetrics();
    const log = logOf();
    const producer = here.producer({ redis: url, metrics, logger: log.logger });
    await producer.counters.increment({ key: here.key('before') });
    await refuse(operator);
    const failure: unknown = await producer.counters.increment({ key: here.key('n') }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RedisRefusedError);
    expect(failure).toBeInstanceOf(QueueUnavailableError);
    expect(failure).toMatchObject({ code: 'REDIS_REFUSED', redisCode: code, accepted });
    const { message } = failure as Error;
    expect(message).toContain(code);
    expect(await metrics.text()).toMatch(new RegExp(`tally_redis_refusals_total\\{code="${code}"\\} [1-9]`));
    expect(log.text()).toMatch(new RegExp(`Redis(?: refuses commands)?: ${code}[: ]`));
    expect(message + log.text()).not.toMatch(/secret|"tally" |User tally/);
  });

  test('is told so by the API, its probe, its log and the command', async () => {
    const { here, url, operator } = await refusing();
    const log = logOf();
    const metrics = createMetrics();
    const { get, post } = await startApi(here, { redis: url, logger: log.logger, metrics });
    const first = await post('/v1/updates', increment(here.key('before')));
    expect(first.status).toBe(202);
    await refuse(operator);
    const answers = [await post<Answer>('/v1/updates', [increment(here.key('n')), increment(here.key('m'))])];
    const reads = [
      await get<Answer>(`/v1/cells?key=${here.key('n')}`),
      await get<Answer>(`/v1/updates/${first.body.updates[0]!.id}`),
    ];
    expect(reads.map(({ status }) => status)).toEqual(readsToo ? [503, 503] : [404, 200]);
    for (const { status, body, headers } of [...answers, ...(readsToo ? reads : [])]) {
      expect({ retryAfter: headers.get('retry-after'), ...body, status }).toMatchObject({
        status: 503,
        retryAfter: '5',
        code: 'REDIS_REFUSED',
        redisCode: code,
        accepted,
        detail: expect.stringMatching(
          new RegExp(`Redis refused \\(${code}\\): .*${accepted === 'none' ? '; nothing was accepted' : ''}`),
        ) as string,
      });
    }
    expect(await get('/readyz')).toMatchObject({ status: 503, body: { code: 'NOT_READY', redisCode: code } });
    await until('it is logged', () => log.text().includes('request completed') || log.text().includes('errored'));
    const line = log
      .text()
      .split('\n')
      .find((text) => text.includes('"code":"REDIS_REFUSED"'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({
      level: 40,
      code: 'REDIS_REFUSED',
      redisCode: code,
      err: { message: expect.stringContaining(code) as string },
    });
    expect(await metrics.text()).toMatch(new RegExp(`tally_redis_refusals_total\\{code="${code}"\\} [1-9]`));

    const environment = { REDIS_URL: url, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
    const params = JSON.stringify({ key: here.key('n') });
    const command = await tally(environment, 'submit', 'counter.increment', '--params', params);
    expect(command).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`Redis refused.*${code}`)) as string,
    });
    expect(JSON.stringify([answers, reads, command]) + log.text()).not.toMatch(/secret|User tally/);
  });
});

test('a job that has no answer is not told to be refused because something else was', async () => {
  const { here, url, operator } = await refusing();
  const producer = here.producer({ redis: url, submitTimeoutMs: 400 });
  const key = here.key('n');
  await producer.counters.increment({ key });
  await operator.replicaof('127.0.0.1', 1);
  await expect(producer.counters.increment({ key })).rejects.toMatchObject({ redisCode: 'READONLY' });
  await until('the producer is connected again', async () =>
    String(await operator.client('LIST')).includes('tally-producer'),
  );
  await operator.replicaof('NO', 'ONE');
  await operator.call('CLIENT', 'PAUSE', '1000', 'WRITE');

  await expect(producer.counters.increment({ key })).rejects.toMatchObject({ accepted: 'unknown' });

  await until('Redis has taken it', async () => (await here.client.llen(`${here.prefix}:counters:wait`)) === 2);
});

test('a dashboard whose user lost its rights says so, and is at fault for nothing', async () => {
  const { here, url, operator } = await refusing();
  const log = logOf();
  const { request } = await startDashboard(here, { redis: url, logger: log.logger });
  expect((await request('/ops/audit')).status).toBe(200);
  await operator.call('ACL', 'SETUSER', 'tally', '-@all', '+info');
  for (const path of ['/ops/audit', '/ops/keys?key=a', '/ops/queues/api/queues']) {
    const answer = await request(path, { headers: { accept: 'application/json' } });
    expect({ path, status: answer.status }).toEqual({ path, status: 503 });
    expect(await answer.text()).toContain('NOPERM');
  }
  const page = await request('/ops/audit', { headers: { accept: 'text/html' } });
  expect(await page.text()).toContain('docs/redis-acl.md');
  expect(log.text()).toContain('"redisCode":"NOPERM"');
  expect(log.text()).not.toMatch(/secret|User tally/);
});

test('a Redis with all the connections that it takes is not blamed on TLS', async () => {
  const { here, url, operator } = await refusing();
  const log = logOf();
  await operator.config('SET', 'maxclients', '1');
  const metrics = createMetrics();
  const producer = here.producer({ redis: url, logger: log.logger, submitTimeoutMs: 1_500, metrics });
  const failure: unknown = await producer.counters.increment({ key: here.key('n') }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'REDIS_REFUSED', redisCode: 'MAXCLIENTS', accepted: 'none' });
  expect((failure as Error).message).toMatch(/max number of clients reached; .*maxclients/);
  expect(log.text()).toContain('max number of clients reached');
  expect(log.text() + (failure as Error).message).not.toContain('rediss');
  expect(await metrics.text()).toMatch(/tally_redis_refusals_total\{code="MAXCLIENTS"\} [1-9]/);
  const doctor = await tally({ REDIS_URL: url }, 'doctor');
  expect(doctor.stdout).toMatch(/max\s+number\s+of\s+clients/);
  await operator.config('SET', 'maxclients', '1000');
  await until('it is let in', async () =>
    producer.counters.increment({ key: here.key('n') }).then(
      () => true,
      () => false,
    ),
  );
});

test('a Redis that a script keeps busy says so', async () => {
  const redis = await ownRedis(['--lua-time-limit', '50']);
  const here = place(redis.url);
  const [operator, other] = [operatorOf(redis.url), operatorOf(redis.url)];
  const { get, post } = await startApi(here, { submitTimeoutMs: 1_000 });
  await post('/v1/updates', increment(here.key('n')));
  await other.ping();
  const busy = operator.eval('while true do end', 0).catch(() => undefined);
  await until('it is busy', () =>
    other.ping().then(
      () => false,
      () => true,
    ),
  );
  const refused = { body: { code: 'REDIS_REFUSED', redisCode: 'BUSY', accepted: 'none' } };
  expect(await post('/v1/updates', increment(here.key('n')))).toMatchObject(refused);
  expect(await get(`/v1/cells?key=${here.key('n')}`)).toMatchObject(refused);
  expect(await get('/readyz')).toMatchObject({ status: 503, body: { redisCode: 'BUSY' } });
  await other.script('KILL');
  await busy;
});

test('a Redis that loads its data says so', async () => {
  const redis = await ownRedis(['--key-load-delay', '20000', '--loading-process-events-interval-bytes', '1024']);
  const here = place(redis.url);
  const operator = operatorOf(redis.url);
  const { get, post } = await startApi(here, { submitTimeoutMs: 1_000 });
  const filling = operator.pipeline();
  for (let number = 0; number < 200; number += 1) {
    filling.set(here.key(`filler-${number}`), 'x'.repeat(2_000));
  }
  await filling.exec();
  await operator.bgrewriteaof(); // what is read back key by key
  await until('the file is written', async () =>
    /aof_rewrite_in_progress:0[^]*aof_rewrite_scheduled:0/.test(await operator.info('persistence')),
  );
  await redis.stop();
  const started = redis.start();
  await until('it says so', async () => {
    const { status, body } = await get<Answer>(`/v1/cells?key=${here.key('n')}`);
    return status === 503 && body.redisCode === 'LOADING';
  });
  expect(await get('/readyz')).toMatchObject({ status: 503, body: { redisCode: 'LOADING' } });
  await started;
  await until('it accepts', async () => (await post('/v1/updates', increment(here.key('n')))).status === 202, 30_000);
});

test('a replica that has lost its master, and shows no old data, says so', async () => {
  const redis = await ownRedis(['--replica-serve-stale-data', 'no']);
  const here = place(redis.url);
  const operator = operatorOf(redis.url);
  const metrics = createMetrics();
  const { get, post } = await startApi(here, { submitTimeoutMs: 1_500, metrics });
  expect((await post('/v1/updates', increment(here.key('n')))).status).toBe(202);
  await operator.replicaof('127.0.0.1', 1);
  const answers = [
    await get<Answer>(`/v1/cells?key=${here.key('n')}`),
    await post<Answer>('/v1/updates', increment(here.key('n'))),
    await post<Answer>('/v1/updates', [increment(here.key('n'))]),
  ];
  for (const { status, body, headers } of answers) {
    expect({ retryAfter: headers.get('retry-after'), ...body, status }).toMatchObject({
      status: 503,
      retryAfter: '5',
      code: 'REDIS_REFUSED',
      redisCode: 'MASTERDOWN',
      detail: expect.stringContaining('it is a replica that has lost its master') as string,
    });
  }
  expect(await get('/readyz')).toMatchObject({ status: 503, body: { code: 'NOT_READY', redisCode: 'MASTERDOWN' } });
  expect(await metrics.text()).toMatch(/tally_redis_refusals_total\{code="MASTERDOWN"\} [1-9]/);
  await operator.replicaof('NO', 'ONE');
  await until('it accepts', async () => (await post('/v1/updates', increment(here.key('n')))).status === 202, 30_000);
});
