import { PassThrough } from 'node:stream';
import { inspect } from 'node:util';
import { pino } from 'pino';
import { expect, inject, test } from 'vitest';
import { start, tally } from '../support/command.js';
import { CANARY, URLS_WITH_A_SECRET } from '../support/canary.js';
import { startApi } from '../support/http-api.js';
import { ownRedis, place, until } from '../support/tally.js';

/** One of each kind: all of them are in `test/unit/secrets.test.ts`, and a command takes seconds. */
const SOME = [
  `redis://${CANARY}:${CANARY}@127.0.0.1:1`,
  `redis://:${CANARY}/#?@%${CANARY}@127.0.0.1:1`,
  `user:${CANARY}@127.0.0.1:1`,
];

test('there is a badly written URL of each kind', () => {
  expect(URLS_WITH_A_SECRET.length).toBeGreaterThan(60);
});

test.each(SOME)('no command tells the secret of %s', async (url) => {
  const environment = { REDIS_URL: url, LOG_LEVEL: 'trace', PORT: '0', TALLY_CLOSE_TIMEOUT_MS: '100' };
  const once = [
    ['doctor'],
    ['get', 'a'],
    ['submit', 'counter.increment', '--params', '{"key":"a"}'],
    ['load', '--duration', '1s', '--rate', '1'],
    ['keys', 'list'],
  ];
  for (const { code, stdout, stderr } of await Promise.all(once.map((args) => tally(environment, ...args)))) {
    expect(code).not.toBe(0);
    expect(stdout + stderr).not.toContain(CANARY);
  }
  for (const command of ['worker', 'up', 'api', 'dashboard']) {
    const { child, output, ended } = start([command], environment);
    await Promise.race([
      ended,
      until('it has tried', () => output.stdout.includes('Redis: '), 20_000).catch(() => undefined),
    ]);
    child.kill('SIGTERM');
    await ended;
    expect(output.stdout + output.stderr).not.toContain(CANARY);
  }
});

test.each(['a wrong password', 'too few rights'])(
  'no error, log, answer or metric tells a secret with %s',
  async (what) => {
    const rights = what === 'too few rights' ? ['+info'] : ['+@all'];
    const redis = await ownRedis(['--user', CANARY, 'on', `>${CANARY}`, '~*', '&*', ...rights]);
    const password = what === 'a wrong password' ? `${CANARY}-not` : CANARY;
    const url = redis.url.replace('//', `//${CANARY}:${password}@`);
    const stream = new PassThrough();
    let log = '';
    stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
    const here = place(redis.url);
    const options = { redis: url, logger: pino({ level: 'trace' }, stream), submitTimeoutMs: 1_500 };
    const error: unknown = await here
      .producer(options)
      .counters.increment({ key: 'a' })
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'REDIS_REFUSED' });
    const started = here
      .worker({ ...options, closeTimeoutMs: 100, submitTimeoutMs: undefined } as never)
      .catch((cause: unknown) => cause);
    const { get, post } = await startApi(here, options);
    const answers = [
      await get('/v1/cells?key=a'),
      await get('/readyz'),
      await post('/v1/updates', { operation: 'counter.increment', params: { key: 'a' } }),
    ];
    void started;
    await until('it is logged', () => log.includes(what === 'a wrong password' ? 'WRONGPASS' : 'NOPERM'));
    expect(inspect(error, { depth: 20, showHidden: true }) + log + JSON.stringify(answers)).not.toContain(CANARY);
    const doctor = await tally({ REDIS_URL: url }, 'doctor');
    expect(doctor.stdout + doctor.stderr).not.toContain(CANARY);
  },
);

test('a library that is given a URL in a wrong option does not repeat it', () => {
  const url = `${inject('redisUrl')}?password=${CANARY}`;
  expect(() => place().producer({ redis: url })).toThrow(/^(?!.*k4n4ry)/s);
});
