import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createProducer } from '../../src/index.js';
import { aclRules, NEEDS, ROLES } from '../../src/redis/permissions.js';
import type { Role } from '../../src/redis/permissions.js';
import { start, tally } from '../support/command.js';
import { tallyWithInput } from '../support/dashboard-commands.js';
import { boardRequests } from '../support/dashboard-routes.js';
import { until } from '../support/tally.js';
import { isInstalled } from '../support/topology/installed.js';
import { startSecure } from '../support/topology/secure.js';
import type { SecureServer } from '../support/topology/secure.js';

const roles = Object.keys(ROLES) as Role[];
const CELLS = ['stock:*', 'xp:*', 'load:*'];
const PASSWORD = 'correct horse battery';

const programs = [
  { program: 'redis-server', version: [7, 0] as const },
  { program: 'valkey-server', version: undefined },
].filter(({ program }) => isInstalled(program));

describe.each(programs)(
  'on a $program with TLS, where each role has the rights of the list',
  ({ program, version }) => {
    let server: SecureServer;

    beforeAll(async () => {
      const names = { namespace: 'tally', prefix: 'bull', cells: CELLS, version };
      server = await startSecure({
        program,
        users: roles.map((role) => `user ${role} on >secret ${aclRules([role], names)}`),
      });
    });

    afterAll(async () => {
      await server.stop();
    });

    /** The environment of a process that is this user. */
    const as = (user: string) => ({ REDIS_URL: urlOf(server, user), TALLY_REDIS_CA_FILE: server.caFile, PORT: '0' });

    test('all of Tally works, and Redis refuses no command', { timeout: 180_000 }, async () => {
      await running(['worker'], as('worker'), 'worker ready');
      const api = await running(['api'], as('api'), /API {8}(http:\S+)\/v1/);
      await produce(server);
      await callApi(api);
      await useCommands(as);
      await useDashboard(as);
      expect(await refusals(server.admin)).toEqual([]);
    });

    test('doctor finds that each user may do what it is for, and asks for nothing that Redis refuses', async () => {
      const answers = await Promise.all(
        roles.map(async (role) => ({ role, ...(await tally(as(role), 'doctor', '--as', role)) })),
      );
      for (const { role, code, stdout, stderr } of answers.filter((answer) => answer.role !== 'access')) {
        expect(stdout, stderr).toContain(`user "${role}" may do all that is needed as ${role}`);
        expect(code, stdout).toBe(0);
      }
      const access = answers.find(({ role }) => role === 'access');
      expect(access?.stdout).toMatch(/FAIL {2}permissions +user "access" can't even run scripts/);
      expect((await refusals(server.admin)).filter((line) => !line.startsWith('access '))).toEqual([]);
    });

    test('doctor names the command, the keys and the role when one right is missing', async () => {
      const rulesOf = (role: Role) => aclRules([role], { namespace: 'tally', prefix: 'bull', cells: CELLS, version });
      const make = (user: string, rules: string) =>
        server.admin.acl('SETUSER', user, 'on', '>secret', ...rules.split(' '));
      await make('no-pop', `${rulesOf('worker')} -rpoplpush`);
      await make('no-receipts', rulesOf('worker').replace('~tally:job:*', '%R~tally:job:*'));
      await make('no-wait', `${rulesOf('producer')} -wait`);
      const [pop, receipts, wait, cells] = await Promise.all([
        tally(as('no-pop'), 'doctor'),
        tally(as('no-receipts'), 'doctor', '--as', 'worker'),
        tally(as('no-wait'), 'doctor'),
        tally(as('worker'), 'doctor', '--as', 'worker', '--key', 'stock:1', 'other:1'),
      ]);
      expect(pop.stdout).toMatch(/FAIL {2}permissions +user "no-pop" lacks for worker: RPOPLPUSH on bull:\*/);
      expect(receipts.stdout).toMatch(
        /FAIL {2}permissions +user "no-receipts" lacks for worker: SET, EXPIRE on\s+tally:job:\*/,
      );
      expect(wait.stdout).toMatch(/FAIL {2}permissions +user "no-wait" lacks for producer: WAIT;/);
      expect(cells.stdout).toMatch(/FAIL {2}permissions +user "worker" lacks for worker: [A-Z, ]+\s+on\s+other:1;/);
      expect([pop, receipts, wait, cells].map(({ code }) => code)).toEqual([1, 1, 1, 1]);
      expect(await refusals(server.admin)).toEqual([]);
    });

    test('a load is exact, and Redis refuses no command', { timeout: 120_000 }, async () => {
      await running(['worker'], as('worker'), 'worker ready');
      const environment = { REDIS_URL: urlOf(server, 'load'), NODE_EXTRA_CA_CERTS: server.caFile };
      const load = await tally(environment, 'load', '--duration', '3s', '--rate', '500', '--idempotent', '50%');
      expect(load.stderr + load.stdout).toContain('exact');
      expect(load.code).toBe(0);
      expect(await refusals(server.admin)).toEqual([]);
    });
  },
);

test('docs/redis-acl.md has the rules of the list', () => {
  const page = readFileSync(new URL('../../docs/redis-acl.md', import.meta.url), 'utf8');
  const names = { namespace: 'tally', prefix: 'bull', cells: ['stock:*', 'xp:*'] };
  const users = [...roles.map((role) => [role, [role]] as const), ['all', roles] as const];
  const lines = users.map(([user, of]) => `user tally-${user} on >PASSWORD ${aclRules(of, names)}`);
  expect(page.split('\n').filter((line) => line.startsWith('user tally-'))).toEqual(lines);
});

/** Scripts of BullMQ by who runs them. */
const SCRIPTS: Partial<Record<Role, readonly string[]>> = {
  producer: ['addStandardJob', 'addDelayedJob', 'addPrioritizedJob', 'getCounts'],
  worker: [
    ...['addStandardJob', 'moveToActive', 'moveToFinished', 'moveToDelayed', 'retryJob', 'extendLock', 'extendLocks'],
    ...['moveStalledJobsToWait', 'saveStacktrace', 'cleanJobsInSet', 'getCounts', 'promote', 'isJobInList', 'getState'],
  ],
  dashboard: [
    ...[
      'getRanges',
      'getJobs',
      'getCounts',
      'getState',
      'getMetrics',
      'getRateLimitTtl',
      'getJobScheduler',
      'paginate',
    ],
    ...['removeJob', 'reprocessJob', 'moveJobsToWait', 'promote', 'pause', 'drain', 'cleanJobsInSet', 'obliterate'],
  ],
};

test.each(Object.entries(SCRIPTS))(
  'the list has all commands in the scripts of BullMQ that a %s runs',
  (role, scripts) => {
    const folder = dirname(createRequire(import.meta.url).resolve('bullmq'));
    const files = readdirSync(join(folder, 'scripts')).filter((file) => file.endsWith('.js'));
    const commands = scripts.flatMap((script) => {
      const file = files.find((name) => name.startsWith(`${script}-`));
      expect(file, script).toBeDefined();
      const text = readFileSync(join(folder, 'scripts', file ?? ''), 'utf8');
      return [...text.matchAll(/call\(\s*["']([A-Za-z]+)["']/g)].map(([, command = '']) => command.toUpperCase());
    });
    const granted = NEEDS[role as Role].filter(({ keys }) => keys.includes('~bull:*')).flatMap((need) => need.commands);
    expect(commands.length).toBeGreaterThan(10);
    expect([...new Set(commands)].filter((command) => !granted.includes(command))).toEqual([]);
  },
);

function urlOf({ port }: SecureServer, user: string): string {
  return `rediss://${user}:secret@127.0.0.1:${port}`;
}

/** What Redis has refused since the last call. */
async function refusals(admin: Redis): Promise<string[]> {
  const log = (await admin.acl('LOG')) as unknown[][];
  await admin.acl('LOG', 'RESET');
  return log.map((fields) => {
    const entry = new Map(Array.from({ length: fields.length / 2 }, (_, at) => [fields[2 * at], fields[2 * at + 1]]));
    return ['username', 'reason', 'context', 'object'].map((name) => String(entry.get(name))).join(' ');
  });
}

/** Starts a command that serves. @returns what the pattern captures first of its output */
async function running(args: string[], environment: Record<string, string>, sign: string | RegExp): Promise<string> {
  const { child, output, ended } = start(args, environment);
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  let found: RegExpExecArray | null = null;
  await until(`tally ${args[0] ?? ''} says ${String(sign)}`, () => {
    expect(child.exitCode, output.stderr + output.stdout).toBeNull();
    found = new RegExp(sign).exec(output.stdout);
    return found !== null;
  });
  return (found as unknown as RegExpExecArray)[1] ?? '';
}

/** Updates of every kind, in every way to submit them, and one that can't be applied. */
async function produce(server: SecureServer): Promise<void> {
  const redis = { url: urlOf(server, 'producer'), tls: { ca: server.ca } };
  const producer = createProducer({ redis, logger: pino({ level: 'silent' }) });
  onTestFinished(() => producer.close());
  const one = { operation: 'counter.increment', params: { key: 'stock:1', by: 5, ttlSeconds: 600 } } as const;
  const submissions = [
    ...(await producer.submit([
      one,
      { operation: 'inventory.restock', params: { key: 'stock:hash', field: 'a', quantity: 3 } },
      { operation: 'scores.add', params: { entries: [{ key: 'xp:board', member: 'ann', by: 3 }] } },
      { operation: 'xp.award', params: { key: 'xp:ann', amount: 2 } },
      {
        operation: 'transaction',
        params: { updates: [one, { operation: 'xp.award', params: { key: 'xp:ann', amount: 2 } }] },
      },
    ])),
    await producer.submit(one, { delay: 50 }),
    await producer.submit(one, { priority: 3 }),
    await producer.submit(one, { idempotencyKey: 'once' }),
  ];
  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome({ timeoutMs: 20_000 })));
  expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => 'applied'));
  const again = await producer.submit(one, { idempotencyKey: 'once' });
  expect(await again.outcome()).toMatchObject({ status: 'applied', duplicate: true });
  const wrong = await producer.submit([one, { operation: 'xp.award', params: { key: 'stock:hash', amount: 1 } }]);
  expect(await wrong[1]!.outcome({ timeoutMs: 20_000 })).toMatchObject({ status: 'failed' });
  expect(await producer.find(submissions[0]!.id)).toMatchObject({ outcome: { status: 'applied' } });
}

async function callApi(origin: string): Promise<void> {
  const post = await fetch(`${origin}/v1/updates?wait=10000`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ operation: 'xp.award', params: { key: 'xp:ann', amount: 2 } }),
  });
  expect(post.status, await post.clone().text()).toBe(200);
  const { updates } = (await post.json()) as { updates: { id: string }[] };
  const paths = [
    ...[`/v1/updates/${updates[0]?.id ?? ''}`, '/v1/cells?key=xp:ann', '/v1/cells?key=stock:hash&field=a'],
    ...['/v1/cells?key=xp:board&member=ann', '/readyz', '/metrics'],
  ];
  const statuses = await Promise.all(paths.map(async (path) => (await fetch(`${origin}${path}`)).status));
  expect(statuses).toEqual(paths.map(() => 200));
}

type As = (user: string) => Record<string, string>;

async function useCommands(as: As): Promise<void> {
  const submit = await tally(
    ...([as('producer'), 'submit', 'counter.increment'] as const),
    ...['--params', '{"key":"stock:2"}', '--wait'],
  );
  expect(submit, submit.stderr).toMatchObject({ code: 0, stdout: 'applied {"value":1}\n' });
  expect(await tally(as('api'), 'get', 'stock:2')).toMatchObject({ code: 0, stdout: '1\n' });
  expect(await tallyWithInput(as('access'), PASSWORD, 'users', 'add', 'ann', '--role', 'operator')).toMatchObject({
    code: 0,
  });
  const commands = [
    ['users', 'list'],
    ['users', 'role', 'ann', 'viewer'],
    ['users', 'role', 'ann', 'operator'],
    ['keys', 'create', '--name', 'shop'],
    ['keys', 'list', '--json'],
  ];
  for (const command of commands) {
    const answer = await tally(as('access'), ...command);
    expect(answer.code, answer.stderr).toBe(0);
  }
  const [{ id }] = JSON.parse((await tally(as('access'), 'keys', 'list', '--json')).stdout) as [{ id: string }];
  expect(await tally(as('access'), 'keys', 'revoke', id)).toMatchObject({ code: 0 });
}

async function useDashboard(as: As): Promise<void> {
  const environment = { ...as('dashboard'), TALLY_METRICS_PORT: '0' };
  const addresses = await running(['dashboard'], environment, /metrics {4}(http[^]*dashboard {2}http:\S+)\/ops/);
  const [metrics = '', origin = ''] = addresses.match(/http:[^\s"]+/g) ?? [];
  expect((await fetch(metrics)).status).toBe(200);
  const signIn = await fetch(`${origin}/ops/sign-in`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin },
    body: new URLSearchParams({ name: 'ann', password: PASSWORD }),
  });
  const cookie = signIn.headers.get('set-cookie')?.split(';')[0] ?? '';
  const call = (path: string, method = 'GET') =>
    fetch(`${origin}${path}`, { method, redirect: 'manual', headers: { cookie, origin } });
  const pages = ['/ops/keys?key=stock:1', '/ops/find?idempotencyKey=once', '/ops/audit', '/readyz'];
  const statuses = await Promise.all(pages.map(async (path) => (await call(path)).status));
  expect(statuses).toEqual(pages.map(() => 200));

  const board = (await (await call('/ops/queues/api/queues?activeQueue=xp&status=failed&page=1')).json()) as {
    queues: { name: string; jobs: { id: string }[] }[];
  };
  const jobId = board.queues.find(({ name }) => name === 'xp')?.jobs[0]?.id ?? '';
  expect(jobId).not.toBe('');
  // What removes comes last.
  const requests = boardRequests({
    ...{ queueName: 'xp', jobId, queueStatus: 'failed', schedulerId: 'none', metricsType: 'completed' },
  }).sort((one, other) => Number(removes(one.path)) - Number(removes(other.path)));
  for (const { method, path } of requests) {
    const answer = await (await call(path, method)).text(); // some can't be done to this job
    expect(answer, `${method} ${path}`).not.toContain('NOPERM');
  }
  expect((await call('/ops/queues/api/queues/resume', 'PUT')).status).toBe(200);
}

function removes(path: string): boolean {
  return /clean|empty|obliterate|remove/.test(path);
}
