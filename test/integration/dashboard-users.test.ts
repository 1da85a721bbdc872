import { expect, inject, onTestFinished, test } from 'vitest';
import { addKey } from '../support/api-keys.js';
import { start, tally } from '../support/command.js';
import { addUser, PASSWORD, startDashboard } from '../support/dashboard.js';
import { hasTerminals, tallyOnTerminal, tallyWithInput } from '../support/dashboard-commands.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

function environmentOf({ namespace, prefix }: Place): Record<string, string> {
  return { REDIS_URL: inject('redisUrl'), TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix };
}

test('a user is added, listed, changed and removed by command, and signs in as far as that goes', async () => {
  const here = place();
  const environment = environmentOf(here);
  const dashboard = await startDashboard(here);
  const added = await tallyWithInput(environment, `${PASSWORD}\n`, 'users', 'add', 'ann', '--role', 'viewer');
  expect(added).toMatchObject({ code: 0, stdout: 'added ann, viewer\n' });
  expect(added.stderr).toContain('the first user');
  const cookie = await dashboard.signIn('ann');
  const statusOf = async (method: string, path: string) =>
    (await dashboard.raw({ method, path, headers: { cookie } })).status;
  expect(await statusOf('PUT', '/ops/queues/api/queues/xp/pause')).toBe(403);

  const listed = await tally(environment, 'users', 'list');
  expect(listed.stdout).toMatch(/^ann: viewer, added 20\S+Z\n$/);
  const json = await tally(environment, 'users', 'list', '--json');
  expect(JSON.parse(json.stdout)).toEqual([
    { name: 'ann', role: 'viewer', createdAt: expect.stringMatching(/Z$/) as string },
  ]);

  expect((await tally(environment, 'users', 'role', 'ann', 'operator')).stdout).toContain('ann is operator now');
  expect(await statusOf('GET', '/ops/audit')).toBe(401);
  await dashboard.signIn('ann');
  const changed = await tallyWithInput(environment, 'another long one', 'users', 'password', 'ann');
  expect(changed).toMatchObject({ code: 0, stdout: expect.stringContaining('signed out everywhere') as string });
  await expect(dashboard.signIn('ann')).rejects.toThrow('no cookie was set, the status is 401');
  await dashboard.signIn('ann', 'another long one');

  const removed = await tally(environment, 'users', 'remove', 'ann');
  expect(removed).toMatchObject({ code: 0, stderr: expect.stringContaining('the last user') as string });
  expect((await tally(environment, 'users', 'list')).stderr).toContain('There are no users');
});

test('users that make no sense are refused, with what to do', async () => {
  const here = place();
  await addUser(here, 'ann', 'viewer');
  const run = (input: string, ...args: string[]) => tallyWithInput(environmentOf(here), input, 'users', ...args);
  const answers = await Promise.all([
    run(PASSWORD, 'add', 'ann', '--role', 'operator'),
    run(PASSWORD, 'add', 'Bo', '--role', 'operator'),
    run(PASSWORD, 'add', 'bo', '--role', 'admin'),
    run(PASSWORD, 'add', 'bo'),
    run(PASSWORD, 'add', 'bo', '--role', 'viewer', '--password', PASSWORD),
    run('short', 'add', 'bo', '--role', 'viewer'),
    run('', 'add', 'bo', '--role', 'viewer'),
    run(PASSWORD, 'password', 'bo'),
    run('', 'role', 'bo', 'viewer'),
    run('', 'remove', 'bo'),
  ]);
  expect(answers.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 2, 2, 1, 1, 1]);
  const words = [
    'there is a user "ann" already',
    '"Bo" can\'t be the name',
    '--role must be viewer or operator, but is "admin"',
    "required option '--role",
    "unknown option '--password'",
    'take 12 to 256',
    'stdin holds no password',
    ...Array.from({ length: 3 }, () => 'there is no user "bo"; tally users list'),
  ];
  for (const [index, expected] of words.entries()) {
    expect(answers[index]!.stderr).toContain(expected);
  }
  expect(await here.client.hkeys(`${here.namespace}:users`)).toEqual(['ann']);
});

test.skipIf(!hasTerminals())('on a terminal the password is asked for twice and not shown', async () => {
  const here = place();
  const ask = (...lines: string[]) =>
    tallyOnTerminal(environmentOf(here), lines, 'users', 'add', 'ann', '--role', 'operator');
  const differing = await ask(PASSWORD, 'something else');
  expect(differing.shown).toContain('the two passwords are not the same');
  const added = await ask(PASSWORD, PASSWORD);
  expect(added.shown).toContain('added ann, operator');
  expect(differing.shown + added.shown).not.toMatch(/correct horse|something else/);
  const dashboard = await startDashboard(here);
  await dashboard.signIn('ann');
});

test('a user that this version can not read signs in nowhere, but keeps the dashboard closed', async () => {
  const here = place();
  await addUser(here, 'ann', 'operator');
  const hash = `${here.namespace}:users`;
  const stored = JSON.parse((await here.client.hget(hash, 'ann'))!) as object;
  await here.client.hset(hash, 'ann', JSON.stringify({ ...stored, onlyOnSundays: true }));
  const dashboard = await startDashboard(here);
  expect((await dashboard.raw({ path: '/ops/audit' })).status).toBe(401);
  await expect(dashboard.signIn('ann')).rejects.toThrow('the status is 401');
  expect((await tally(environmentOf(here), 'users', 'list')).stderr).toContain('ann is not a user that this version');
});

test('on an address that others can reach the dashboard starts once there is a user, and all of Tally with a key too', async () => {
  const here = place();
  const environment = { ...environmentOf(here), HOST: '0.0.0.0', PORT: '0' };
  const [alone, up] = await Promise.all([tally(environment, 'dashboard'), tally(environment, 'up')]);
  for (const answer of [alone, up]) {
    expect(answer).toMatchObject({ code: 2, stderr: expect.stringContaining('tally users add') as string });
  }
  await addUser(here, 'ann', 'viewer');
  expect(await tally(environment, 'up')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('tally keys create') as string,
  });

  await addKey(here);
  for (const command of ['dashboard', 'up']) {
    const { child, output, ended } = start([command], environment);
    onTestFinished(async () => {
      child.kill('SIGTERM');
      await ended;
    });
    await until(`${command} listens`, () => output.stdout.includes('dashboard  '));
    const [, port = ''] = /dashboard +http:\/\/0\.0\.0\.0:(\d+)\/ops\b/.exec(output.stdout) ?? [];
    const asked = await fetch(`http://127.0.0.1:${port}/ops/queues`, { redirect: 'manual' });
    expect(asked.status).toBe(401);
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
  }
});

test('variables of the proxy that do not go together stop the start, each with what to write', async () => {
  const here = place();
  const run = (variables: Record<string, string>) =>
    tally({ ...environmentOf(here), PORT: '0', ...variables }, 'dashboard');
  const answers = await Promise.all([
    run({ TALLY_DASHBOARD_USER_HEADER: 'X-User' }),
    run({ TALLY_DASHBOARD_USER_HEADER: 'X-User', TALLY_DASHBOARD_ROLE_HEADER: 'X-Role' }),
    run({ TALLY_DASHBOARD_PROXY_ADDRESSES: '10.0.0.5,proxy' }),
    run({ TALLY_DASHBOARD_USER_HEADER: 'X User' }),
  ]);
  const words = [
    'or neither',
    'TALLY_DASHBOARD_PROXY_ADDRESSES=10.0.0.5',
    'IP addresses or networks',
    'name of a header',
  ];
  for (const [index, expected] of words.entries()) {
    expect(answers[index]).toMatchObject({ code: 2, stderr: expect.stringContaining(expected) as string });
  }
});
