import { once } from 'node:events';
import { get as httpGet } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { networkInterfaces } from 'node:os';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { ApiServer, createApi, restrictAccess, Problem } from '../../src/api/api.js';
import { addKey, callerWith } from '../support/api-keys.js';
import { start, tally } from '../support/command.js';
import { startApi } from '../support/http-api.js';
import type { RunningApi } from '../support/http-api.js';
import { startStopwatch } from '../support/stopwatch.js';
import { keysLike, ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const increment = (key: string) => ({ operation: 'counter.increment', params: { key } });

function environmentOf({ namespace, prefix }: Place): Record<string, string> {
  return { REDIS_URL: inject('redisUrl'), TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix };
}

async function statusWith(api: RunningApi, authorization?: string): Promise<number> {
  return (await callerWith(api, authorization).get('/v1/operations')).status;
}

/** The status of a request for this host. */
async function statusAt(origin: string, host: string, path = '/v1/operations'): Promise<number | undefined> {
  const { hostname, port } = new URL(origin);
  const [answer] = (await once(httpGet({ host: hostname, port, path, headers: { host } }), 'response')) as [
    IncomingMessage,
  ];
  answer.resume();
  return answer.statusCode;
}

/** Sets the clock by which keys grow old forward, until the end of the test. */
function later(ms: number): void {
  const now = performance.now.bind(performance);
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + ms);
  onTestFinished(() => {
    clock.mockRestore();
  });
}

test('a key is made, listed and revoked by command; its secret is printed once and is not in Redis', async () => {
  const here = place();
  const environment = environmentOf(here);
  const api = await startApi(here);
  expect(await statusWith(api)).toBe(200);

  const limits = ['--operations', 'counter.*, xp.award,energy.spend', '--keys', `${here.key('a')},${here.key('b*')}`];
  const made = await tally(
    environment,
    'keys',
    'create',
    '--name',
    'shop',
    ...limits,
    '--rate',
    '600/m',
    '--update-rate',
    '5000/s',
  );
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^tally_[0-9a-f]{12}_[\w-]{43}\n$/) as string });
  expect(made.stderr).toContain('shown only now');
  expect(made.stderr).toContain('the first key');
  expect(made.stderr).toContain('no operation of Tally itself fits "energy.spend"');
  const secret = made.stdout.trim();
  const [, id = '', random = ''] = secret.split(/^tally_(.{12})_/);
  expect(made.stderr).not.toContain(random);

  const stored = await here.client.hgetall(`${here.namespace}:api-keys`);
  expect(Object.keys(stored)).toEqual([id]);
  expect(JSON.parse(stored[id]!)).toMatchObject({
    name: 'shop',
    operations: ['counter.*', 'xp.award', 'energy.spend'],
    keys: [here.key('a'), here.key('b*')],
    readOnly: false,
    rate: { requests: 600, windowSeconds: 60 },
    updateRate: { updates: 5000, windowSeconds: 1 },
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  });
  const own = [`${here.namespace}:api-keys`, `${here.namespace}:installation`];
  expect((await keysLike(here, `${here.namespace}*`)).sort()).toEqual(own);
  expect(stored[id]).not.toContain(random);

  await until('the API asks for it', async () => (await statusWith(api)) === 401);
  const caller = callerWith(api, `Bearer ${secret}`);
  expect((await caller.post('/v1/updates', increment(here.key('b-1')))).status).toBe(202);
  expect((await caller.post('/v1/updates', increment(here.key('c')))).status).toBe(403);

  const [list, json] = await Promise.all([
    tally(environment, 'keys', 'list'),
    tally(environment, 'keys', 'list', '--json'),
  ]);
  expect(list.stdout).toMatch(
    new RegExp(
      `^${id} "shop": operations counter.*,xp.award,energy.spend; keys .*; 600 requests a minute; 5000 updates a second; owner ${id}, made 2`,
    ),
  );
  expect(JSON.parse(json.stdout)).toMatchObject([{ id, name: 'shop', rate: { requests: 600 } }]);
  expect(list.stdout + json.stdout).not.toMatch(new RegExp(`${random}|sha256|digest`));

  const revoked = await tally(environment, 'keys', 'revoke', id);
  expect(revoked).toMatchObject({ code: 0, stdout: `revoked ${id}; servers refuse it within 5 seconds\n` });
  expect(revoked.stderr).toContain('the last key');
  const elapsedMs = startStopwatch();
  await until('it is refused', async () => (await statusWith(api, `Bearer ${secret}`)) === 401);
  expect(elapsedMs()).toBeLessThan(6_000);
  expect(await statusWith(api)).toBe(401); // still: the last key was not revoked to let everyone in
  expect((await tally(environment, 'keys', 'list')).stderr).toContain('There are no keys');
  expect(await tally(environment, 'keys', 'revoke', id)).toMatchObject({ code: 1 });
});

test('keys with settings that make no sense are refused, with the flag to change', async () => {
  const here = place();
  const create = (...flags: string[]) => tally(environmentOf(here), 'keys', 'create', ...flags);
  const answers = await Promise.all([
    create(),
    create('--name', ''),
    create('--name', 'a\u001b[2J'),
    create('--name', 'a', '--operations', 'counter.*,', '--keys', ''),
    create('--name', 'a', '--operations', 'counter.[a-z]'),
    create('--name', 'a', '--rate', '10'),
    create('--name', 'a', '--rate', '0/s'),
    create('--name', 'a', '--update-rate', '10'),
    create('--name', 'a', '--update-rate', '0/m'),
  ]);
  expect(answers.map(({ code }) => code)).toEqual(answers.map(() => 2));
  const words = [
    '--name',
    '--name must not be empty',
    'control characters',
    '--keys must',
    '--operations must be names',
  ];
  for (const [index, expected] of [
    ...words,
    '100/s or 6000/m',
    'from 1 to 1000000',
    '5000/s or 60000/m',
    '--update-rate must',
  ].entries()) {
    expect(answers[index]!.stderr).toContain(expected);
  }
  expect(await here.client.exists(`${here.namespace}:api-keys`)).toBe(0);
});

test('an address that others can reach is refused without keys, and for the dashboard without users', async () => {
  const here = place();
  const environment = { ...environmentOf(here), HOST: '0.0.0.0', PORT: '0' };
  const [api, up] = await Promise.all([tally(environment, 'api'), tally(environment, 'up')]);
  expect(api).toMatchObject({ code: 2, stderr: expect.stringContaining('tally keys create --name') as string });
  expect(api.stderr).toContain('HOST=127.0.0.1');
  await addKey(here);
  expect(up).toMatchObject({ code: 2, stderr: expect.stringContaining('HOST=0.0.0.0 PORT=3001 tally api') as string });
  expect(await tally(environment, 'up')).toMatchObject({ code: 2 });
});

test('with a key, tally api serves on an address that others can reach, under any name', async () => {
  const here = place();
  const { secret } = await addKey(here);
  const { child, output, ended } = start(['api'], { ...environmentOf(here), HOST: '0.0.0.0', PORT: '0' });
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  await until('it listens', () => output.stdout.includes('API  '));
  const [, port = ''] = /API +http:\/\/0\.0\.0\.0:(\d+)\/v1/.exec(output.stdout) ?? [];
  const origin = `http://127.0.0.1:${port}`;
  expect(await statusAt(origin, 'api.example')).toBe(401);
  const answer = await fetch(`${origin}/v1/operations`, { headers: { authorization: `Bearer ${secret}` } });
  expect(answer.status).toBe(200);
});

test('without keys only names of this machine are answered to, so that no page can be made to lead here', async () => {
  const here = place();
  const { origin } = await startApi(here);
  for (const host of ['localhost', 'LOCALHOST:80', '127.0.0.1', '127.0.0.1:3000', '[::1]', '[::1]:3000']) {
    expect({ host, status: await statusAt(origin, host) }).toEqual({ host, status: 200 });
  }
  const others = [
    'rebound.example',
    'localhost.example',
    'localhost:1@x',
    '127.0.0.1.nip.io',
    '127.0.0.2',
    '0.0.0.0',
    '::1',
  ];
  for (const host of others) {
    expect({ host, status: await statusAt(origin, host) }).toEqual({ host, status: 421 });
    expect(await statusAt(origin, host, '/healthz')).toBe(200);
  }
});

const outside = Object.values(networkInterfaces())
  .flat()
  .find((it) => it?.family === 'IPv4' && !it.internal)?.address;

test.skipIf(outside === undefined)('without keys nobody is answered who comes by another address', async () => {
  const { redis, namespace, prefix, logger } = place();
  const api = createApi({ redis, namespace, prefix, logger });
  const server = new ApiServer(api.app).listen(0, '0.0.0.0');
  await once(server, 'listening');
  onTestFinished(async () => {
    await server.closeInOrder(0);
    await api.close();
  });
  const { port } = server.address() as AddressInfo;
  expect(await statusAt(`http://127.0.0.1:${port}`, 'localhost')).toBe(200);
  expect(await statusAt(`http://${outside!}:${port}`, 'localhost')).toBe(401);
});

test('while Redis is unreachable, keys that are known go on to be checked, and without any known the answer is 503', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const { secret } = await addKey(here);
  const [warm, cold] = [await startApi(here, { submitTimeoutMs: 500 }), await startApi(here, { submitTimeoutMs: 500 })];
  const authorization = `Bearer ${secret}`;
  expect(await statusWith(warm, authorization)).toBe(200);
  await redis.stop();
  later(5_000); // the keys that are known are too old
  expect([await statusWith(warm), await statusWith(warm, authorization)]).toEqual([401, 200]);
  const submitted = await callerWith(warm, authorization).post('/v1/updates', increment(here.key('n')));
  expect(submitted).toMatchObject({ status: 503, body: { code: 'QUEUE_UNAVAILABLE' } });
  for (const given of [authorization, undefined]) {
    const refused = await callerWith(cold, given).get('/v1/operations');
    expect(refused).toMatchObject({ status: 503, body: { code: 'QUEUE_UNAVAILABLE', accepted: 'none' } });
    expect(refused.headers.get('retry-after')).toBe('5');
  }
  await redis.start();
  await here.client.del(`${here.namespace}:api-keys`);
  await until('it is known to be revoked', async () => (await statusWith(warm, authorization)) === 401);
  await until('the other knows that there is none', async () => (await statusWith(cold)) === 200);
});

test('a key that this version can not read lets nobody in, but keeps the API closed', async () => {
  const here = place();
  const { id, secret } = await addKey(here);
  const hash = `${here.namespace}:api-keys`;
  const stored = JSON.parse((await here.client.hget(hash, id))!) as object;
  await here.client.hset(hash, id, JSON.stringify({ ...stored, onlyOnSundays: true }));
  const api = await startApi(here);
  expect([await statusWith(api), await statusWith(api, `Bearer ${secret}`)]).toEqual([401, 401]);
  expect((await tally(environmentOf(here), 'keys', 'list')).stderr).toContain(`${id} is not a key`);
});

test('the log names the key of a request by its id, and no line holds a secret', async () => {
  const here = place();
  const { id, secret } = await addKey(here);
  const lines: string[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  const api = await startApi(here, { logger: pino({ level: 'trace' }, sink) });
  const { get } = callerWith(api, `Bearer ${secret}`);
  await get('/v1/cells?key=none');
  await callerWith(api, `Bearer ${secret}x`).get('/v1/cells?key=none');
  await until('both are logged', () => lines.length >= 2);
  expect(lines.map((line) => (JSON.parse(line) as { apiKey?: string }).apiKey).sort()).toEqual([id, undefined]);
  expect(lines.join('')).not.toContain(secret.slice(-20));
});

test("an authorize of the user's own stands in place of the keys, and may limit a request", async () => {
  const here = place();
  await addKey(here);
  const api = await startApi(here, {
    authorize: ({ headers }, response, next) => {
      if (headers.authorization === undefined) {
        throw new Problem('UNAUTHORIZED', 'sign in first');
      }
      if (headers.authorization !== 'root') {
        restrictAccess(response, { operations: ['counter.*'], keys: [here.key(`${headers.authorization}:*`)] });
      }
      next();
    },
  });
  const statuses = (authorization: string | undefined) => {
    const { post } = callerWith(api, authorization);
    return Promise.all(
      ['ann:n', 'bo:n'].map(async (key) => (await post('/v1/updates', increment(here.key(key)))).status),
    );
  };
  expect(await statuses(undefined)).toEqual([401, 401]);
  expect(await statuses('ann')).toEqual([202, 403]);
  expect(await statuses('root')).toEqual([202, 202]);
});

test('the document says which endpoints take a key, and how they refuse one', async () => {
  const { request } = await startApi(place());
  const { paths, components } = (await (await request('/openapi.json')).json()) as {
    paths: Record<string, Record<string, { security?: unknown; responses: object }>>;
    components: { securitySchemes: unknown };
  };
  expect(components.securitySchemes).toMatchObject({ apiKey: { type: 'http', scheme: 'bearer' } });
  for (const [path, methods] of Object.entries(paths)) {
    for (const { security, responses } of Object.values(methods)) {
      const takesKey = path.startsWith('/v1/');
      expect({ path, security }).toEqual({ path, security: takesKey ? [{ apiKey: [] }, {}] : undefined });
      expect({ path, takesKey: ['401', '421', '429'].every((it) => it in responses) }).toEqual({ path, takesKey });
    }
  }
});
