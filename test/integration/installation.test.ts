import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { addKey } from '../support/api-keys.js';
import { dataDir, start, tally } from '../support/command.js';
import { addUser } from '../support/dashboard.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** What happens to a dashboard and an API whose Redis was emptied. */

interface Started {
  readonly origin: string;
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

const environmentOf = ({ redis, namespace, prefix }: Place, folder: string) => ({
  REDIS_URL: redis,
  TALLY_NAMESPACE: namespace,
  TALLY_PREFIX: prefix,
  TALLY_DATA_DIR: folder,
  PORT: '0',
});

async function serve(command: 'api' | 'dashboard', environment: Record<string, string>): Promise<Started> {
  const { child, ended, output } = start([command], environment);
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  onTestFinished(stop);
  const line = /(?:dashboard|API) +(http:\/\/[^/"]+)\//;
  await until('it listens', () => line.test(output.stdout) || child.exitCode !== null);
  return { origin: line.exec(output.stdout)?.[1] ?? '', log: () => output.stdout + output.stderr, stop };
}

async function statusOf(url: string): Promise<number> {
  const { status } = await fetch(url, { redirect: 'manual', headers: { accept: 'application/json' } });
  return status;
}

const audit = ({ origin }: Started) => statusOf(`${origin}/ops/audit`);
const operations = ({ origin }: Started) => statusOf(`${origin}/v1/operations`);

test('a dashboard that had users stays closed after FLUSHALL and a restart, says so, and opens to nobody until that is accepted', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const folder = dataDir();
  const environment = environmentOf(here, folder);
  const fresh = await serve('dashboard', environment);
  expect(await audit(fresh)).toBe(200); // nobody was ever added
  await fresh.stop();

  await addUser(here, 'ann', 'operator');
  const closed = await serve('dashboard', { ...environment, TALLY_METRICS_PORT: '0' });
  expect(await audit(closed)).toBe(401);
  await here.client.flushall();
  await until('the loss is logged', () => closed.log().includes('Redis has lost what Tally kept in it'));
  const metrics = /metrics +(http[^" ]+)/.exec(closed.log())?.[1] ?? '';
  expect(await (await fetch(metrics)).text()).toContain('tally_installation_lost 1');
  expect(await audit(closed)).toBe(401);
  await closed.stop();

  const after = await serve('dashboard', environment);
  expect(await audit(after)).toBe(401);
  expect(after.log()).toContain('Redis has lost what Tally kept in it');
  await after.stop();

  expect(await tally(environment, 'accept-loss')).toMatchObject({ code: 0 });
  const accepted = await serve('dashboard', environment);
  expect(await audit(accepted)).toBe(401);
  expect(accepted.log()).not.toContain('has lost');
});

test('an API that had keys stays closed in the same way, and says when they are gone', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const environment = environmentOf(here, dataDir());
  const { secret } = await addKey(here, {});
  const closed = await serve('api', environment);
  expect(await operations(closed)).toBe(401);
  const known = await fetch(`${closed.origin}/v1/operations`, { headers: { authorization: `Bearer ${secret}` } });
  expect(known.status).toBe(200);
  await here.client.flushall();
  await until('the keys are gone', async () => {
    await operations(closed);
    return closed.log().includes('there are no API keys any more');
  });
  await closed.stop();
  const after = await serve('api', environment);
  expect(await operations(after)).toBe(401);
});

test('a worker alone notices that Redis has lost its data, logs and counts it, and takes note of its acceptance', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const environment = environmentOf(here, dataDir());
  const { child, ended, output } = start(['worker'], { ...environment, TALLY_METRICS_PORT: '0' });
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  await until('there is a mark', async () => (await here.client.exists(`${here.namespace}:installation`)) === 1);
  await until('it serves metrics', () => /metrics +http/.test(output.stdout));
  const metrics = /metrics +(http[^" ]+)/.exec(output.stdout)?.[1] ?? '';
  const counted = async (value: 0 | 1) =>
    (await (await fetch(metrics)).text()).includes(`tally_installation_lost ${value}`);
  await until('nothing is lost', () => counted(0));
  await here.client.flushall();
  await until('the loss is logged', () => output.stdout.includes('Redis has lost what Tally kept in it'));
  await until('the loss is counted', () => counted(1));
  expect(await tally(environment, 'accept-loss')).toMatchObject({ code: 0 });
  await until('it is accepted', () => counted(0));
});

test('a process that knows nothing of the loss does not hide it from others, and the loss can be accepted after that', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const knowing = { ...environmentOf(here, dataDir()), TALLY_METRICS_PORT: '0' };
  const first = await serve('dashboard', knowing);
  await until('there is a mark', async () => (await here.client.exists(`${here.namespace}:installation`)) === 1);
  await here.client.flushall();
  const forgetful = environmentOf(here, dataDir());
  await serve('api', forgetful);
  await until('there is another mark', async () => (await here.client.exists(`${here.namespace}:installation`)) === 1);
  await until('the loss is logged', () => first.log().includes('Redis has lost what Tally kept in it'));
  expect(await tally(forgetful, 'accept-loss')).toMatchObject({ code: 0 });
  const metrics = /metrics +(http[^" ]+)/.exec(first.log())?.[1] ?? '';
  await until('it is accepted', async () =>
    (await (await fetch(metrics)).text()).includes('tally_installation_lost 0'),
  );
});

test('without a data folder the setting keeps both closed', async () => {
  const here = place();
  const environment = { ...environmentOf(here, dataDir()), TALLY_REQUIRE_SIGN_IN: 'true' };
  expect(await audit(await serve('dashboard', environment))).toBe(401);
  expect(await operations(await serve('api', environment))).toBe(401);
});

test('users that are deleted from Redis by hand, and a note in the data folder that is damaged, open nothing', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const folder = dataDir();
  const environment = environmentOf(here, folder);
  await addUser(here, 'ann', 'operator');
  const first = await serve('dashboard', environment);
  await first.stop();
  await here.client.del(`${here.namespace}:users`);
  const second = await serve('dashboard', environment);
  expect(await audit(second)).toBe(401);
  await second.stop();

  const [name = ''] = readdirSync(join(folder, 'installations'));
  const file = join(folder, 'installations', name);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ users: true, apiKeys: false });
  writeFileSync(file, '{"id":');
  await here.client.flushall();
  expect(await audit(await serve('dashboard', environment))).toBe(401);
});

test('whoever removes the last user on purpose opens the dashboards of this machine that start after it', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const folder = dataDir();
  const environment = environmentOf(here, folder);
  await addUser(here, 'ann', 'operator');
  const first = await serve('dashboard', environment);
  await first.stop();
  expect(await tally(environment, 'users', 'remove', 'ann')).toMatchObject({ code: 0 });
  const second = await serve('dashboard', environment);
  expect(await audit(second)).toBe(200);
  await second.stop();
  expect(existsSync(join(folder, 'installations'))).toBe(true);
  rmSync(join(folder, 'installations'), { recursive: true });
});

test('a Redis that was moved to another place by a copy is the same installation', async () => {
  const one = await ownRedis();
  const here = place(one.url);
  const other = await ownRedis();
  const there = { ...here, redis: other.url };
  const folder = dataDir();
  await (await serve('api', environmentOf(here, folder))).stop();
  const target = place(other.url).client;
  for (const key of await here.client.keys('*')) {
    const dump = await here.client.dumpBuffer(key);
    await target.restore(key, 0, dump);
  }
  const moved = await serve('api', environmentOf(there, folder));
  expect(await operations(moved)).toBe(200);
  expect(moved.log()).not.toContain('has lost');
});
