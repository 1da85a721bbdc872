import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { NEEDS } from '../../src/doctor/acl-needs.js';
import type { Role } from '../../src/doctor/acl-needs.js';
import { examine } from '../../src/doctor/examine.js';
import { createProducer } from '../../src/index.js';
import { DEFAULT_NAMESPACE } from '../../src/redis/keys.js';
import { start, tally } from '../support/command.js';
import { tallyWithInput } from '../support/dashboard-commands.js';
import { boardRequests } from '../support/dashboard-routes.js';
import { until } from '../support/tally.js';
import {
  CLUSTER,
  environmentAs,
  REDIS,
  refusals,
  roles,
  SENTINEL,
  urlAs,
  VALKEY,
} from '../support/topology/secure-redis.js';
import type { SecureKind, SecureRedis } from '../support/topology/secure-redis.js';

const PASSWORD = 'correct horse battery';

/** A Redis for the tests of a group. */
function ofThisGroup({ start: startRedis }: SecureKind): { readonly redis: SecureRedis } {
  let redis: SecureRedis | undefined;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    await redis?.stop();
  });
  return {
    get redis() {
      return redis!;
    },
  };
}

/** Roles whose users may run no scripts: doctor can't ask by one what they may do. */
const WITHOUT_SCRIPTS: ReadonlySet<Role> = new Set(['reader']);

describe.each([REDIS, ...VALKEY, CLUSTER, SENTINEL])('on $kind, with TLS and the rights of the list', (kind) => {
  const here = ofThisGroup(kind);
  const as = (user: string) => environmentAs(here.redis, user);

  test('all of Tally works, a load is exact, and nothing is refused', { timeout: 180_000 }, async () => {
    await running(['worker'], as('worker'), 'worker ready');
    const api = await running(['api'], as('api'), /API {8}(http:\S+)\/v1/);
    await produce(here.redis);
    await callApi(api);
    await useCommands(as);
    await useDashboard(as);
    const load = await tally(as('load'), 'load', '--duration', '1s', '--rate', '500', '--idempotent', '50%');
    expect(load.stderr + load.stdout).toContain('exact');
    expect(load.code).toBe(0);
    expect(await refusals(here.redis)).toEqual([]);
  });

  test('doctor finds that each user may do what it is for, and asks for nothing that is refused', async () => {
    const found = new Map(
      await Promise.all(roles.map(async (role) => [role, await findings(here.redis, role)] as const)),
    );
    for (const [role, lines] of [...found].filter(([it]) => !WITHOUT_SCRIPTS.has(it))) {
      expect(lines, role).toContain(`permissions: the user of REDIS_URL may do all that is needed as ${role}`);
      expect(lines, role).not.toContain('FAIL');
      const ofOthers = NEEDS[role].some(({ commands }) => commands.includes('CLIENT|LIST'))
        ? 'no workers but those of Tally'
        : 'not checked: this user may not run CLIENT LIST';
      expect(lines, role).toContain(`other programs: ${ofOthers}`);
    }
    for (const role of WITHOUT_SCRIPTS) {
      expect(found.get(role), role).toContain("FAIL permissions: the user of REDIS_URL can't even run scripts");
    }
    const others = (await refusals(here.redis)).filter((line) => !WITHOUT_SCRIPTS.has(line.split(' ')[0] as Role));
    expect(others).toEqual([]);
  });

  const names = 'doctor names the command, the keys and the role when one right is missing';
  test.runIf(kind === REDIS || kind === CLUSTER)(names, async () => {
    const make = (user: string, rules: string) =>
      Promise.all(
        here.redis.servers.map((server) => server.run('ACL', 'SETUSER', user, 'on', '>secret', ...rules.split(' '))),
      );
    await make('no-pop', `${kind.rulesOf('worker')} -rpoplpush`);
    await make('no-receipts', kind.rulesOf('worker').replace('~tally:job:*', '%R~tally:job:*'));
    await make('no-wait', `${kind.rulesOf('producer')} -wait`);
    const [pop, receipts, wait, cells] = await Promise.all([
      tally(as('no-pop'), 'doctor'),
      tally(as('no-receipts'), 'doctor', '--as', 'worker'),
      tally(as('no-wait'), 'doctor'),
      tally(as('worker'), 'doctor', '--as', 'worker', '--key', 'stock:1', 'other:1'),
    ]);
    expect(pop.stdout).toMatch(
      /FAIL {2}permissions +the user of REDIS_URL lacks for worker: RPOPLPUSH on tally-queues:\*/,
    );
    expect(receipts.stdout).toMatch(
      /FAIL {2}permissions +the user of REDIS_URL lacks for worker: SET, EXPIRE on\s+tally:job:\*/,
    );
    expect(wait.stdout).toMatch(/FAIL {2}permissions +the user of REDIS_URL lacks for producer: WAIT;/);
    expect(cells.stdout).toMatch(/FAIL {2}permissions +the user of REDIS_URL lacks for worker: [\w,\s]+ on\s+other:1;/);
    expect([pop, receipts, wait, cells].map(({ code }) => code)).toEqual([1, 1, 1, 1]);
    expect(await refusals(here.redis)).toEqual([]);
  });
});

/** What doctor finds by the user of a role. */
async function findings({ url, security }: SecureRedis, role: Role): Promise<string> {
  const redis = { url: urlAs(url, role), tls: security.tls };
  const found = await examine({ redis, ...DEFAULT_NAMESPACE, role, cells: [] });
  return found
    .map(({ level, subject, message }) => `${level === 'error' ? 'FAIL ' : ''}${subject}: ${message}`)
    .join('\n');
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
async function produce({ url, security }: SecureRedis): Promise<void> {
  const redis = { url: urlAs(url, 'producer'), tls: security.tls };
  const producer = createProducer({ redis, logger: pino({ level: 'silent' }) });
  onTestFinished(() => producer.close());
  const one = { operation: 'counter.increment', params: { key: 'stock:{ann}', by: 5, ttlSeconds: 600 } } as const;
  const submissions = [
    ...(await producer.submit([
      one,
      { operation: 'inventory.restock', params: { key: 'stock:hash', field: 'a', quantity: 3 } },
      { operation: 'scores.add', params: { entries: [{ key: 'xp:board', member: 'ann', by: 3 }] } },
      { operation: 'xp.award', params: { key: 'xp:ann', amount: 2 } },
      {
        operation: 'scores.best',
        params: { key: 'xp:season', member: 'ann', value: 3, bucket: 'week', keepBuckets: 2 },
      },
      {
        operation: 'transaction',
        params: { updates: [one, { operation: 'xp.award', params: { key: 'xp:{ann}', amount: 2 } }] },
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
  expect(await wrong[1].outcome({ timeoutMs: 20_000 })).toMatchObject({ status: 'failed' });
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
    ...['/v1/cells?key=xp:board&member=ann', '/readyz', '/metrics', '/v1/cells/history?key=xp:ann'],
    ...['/v1/leaderboards?key=xp:board&order=asc', '/v1/leaderboards?key=xp:board&member=ann&around=1'],
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
  expect(submit, submit.stderr).toMatchObject({ code: 0, stdout: 'applied {"value":1,"applied":1}\n' });
  expect(await tally(as('reader'), 'get', 'stock:2')).toMatchObject({ code: 0, stdout: '1\n' });
  expect(await tally(as('reader'), 'get', 'stock:2', 'stock:2')).toMatchObject({ code: 0 });
  expect(await tally(as('reader'), 'top', 'xp:board', '--member', 'ann')).toMatchObject({ code: 0 });
  expect(await tallyWithInput(as('access'), PASSWORD, 'users', 'add', 'ann', '--role', 'viewer')).toMatchObject({
    code: 0,
  });
  const commands = [
    ['users', 'list'],
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

interface BoardQueue {
  readonly name: string;
  readonly counts: { readonly failed?: number };
  readonly jobs: readonly { readonly id: string }[];
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
  const pages = [
    '/ops/keys?key=stock:1',
    '/ops/keys?key=stock:*',
    '/ops/webhooks',
    '/ops/find?idempotencyKey=once',
    '/ops/audit',
    '/readyz',
  ];
  const statuses = await Promise.all(pages.map(async (path) => (await call(path)).status));
  expect(statuses).toEqual(pages.map(() => 200));

  const queuesWith = async (active: string) => {
    const board = await call(`/ops/queues/api/queues?activeQueue=${active}&status=failed&page=1`);
    return ((await board.json()) as { queues: BoardQueue[] }).queues;
  };
  const failedOne = ({ name, counts }: BoardQueue) => name.startsWith('xp') && (counts.failed ?? 0) > 0;
  const queueName = (await queuesWith('xp')).find(failedOne)?.name ?? ''; // in a Cluster a partition of `xp`
  const [{ id: jobId }] = (await queuesWith(queueName)).find(failedOne)?.jobs as [{ id: string }];
  // What removes comes last.
  const requests = boardRequests({
    queueName,
    jobId,
    queueStatus: 'failed',
    schedulerId: 'none',
    metricsType: 'completed',
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
