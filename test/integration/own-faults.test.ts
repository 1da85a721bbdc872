import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { defineOperation } from '../../src/index.js';
import type { Outcome, Submission } from '../../src/index.js';
import { createRegistry } from '../../src/operations/registry.js';
import { applyScript } from '../../src/operations/apply-script.js';
import { afterApplying } from '../support/after-applying.js';
import { ended, jobOf, openQueue } from '../support/queues.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** What one update of a batch can't do stays its own: docs/protocol.md lists what a single update can cause in a call. */

const increment = (params: object) => ({ operation: 'counter.increment' as const, params: { key: '', ...params } });
const QUICK = { lockDurationMs: 500, stalledIntervalMs: 300, closeTimeoutMs: 100 };

/** Two versions of one operation: an older one allows less. */
function addEnergy(max: number) {
  return defineOperation({
    name: 'energy.add',
    params: z.strictObject({ key: z.string(), by: z.int().min(1).max(max) }),
    cells: ({ key }) => [{ key }],
    args: ({ by }) => [by],
    lua: 'return function(cells, args) return { cells[1] + args[1] }, { cells[1] + args[1] } end',
    result: ([value = 0]) => ({ value }),
  });
}

const statuses = async (submissions: readonly Submission[]): Promise<Outcome['status'][]> =>
  (await Promise.all(submissions.map((submission) => submission.outcome()))).map(({ status }) => status);

test('an update that the schema of the worker refuses fails alone, and its neighbours are applied at once', async () => {
  const here = place();
  const keys = [1, 2, 500, 3].map((by) => here.key(`energy-${by}`));
  await here.worker({ operations: [addEnergy(100)] });
  const producer = here.producer({ operations: [addEnergy(1_000)] });

  const submissions = await producer.submit(
    [1, 2, 500, 3].map((by, index) => ({ operation: 'energy.add' as const, params: { key: keys[index]!, by } })),
  );

  expect(new Set(submissions.map(({ jobId }) => jobId)).size).toBe(1);
  expect(await statuses(submissions)).toEqual(['applied', 'applied', 'failed', 'applied']);
  expect(await submissions[2]!.outcome()).toMatchObject({
    reason: 'INVALID_PARAMS',
    message: expect.stringContaining('by') as string,
  });
  expect(await here.client.mget(...keys)).toEqual(['1', '2', null, '3']);
});

test('a strict worker that dies after the script leaves nothing to a lenient one that would double', async () => {
  const here = place();
  const keys = [1, 500].map((by) => here.key(`energy-${by}`));
  let died = false;
  afterApplying(
    (worker) => {
      died = true;
      worker.disconnectAll();
      return new Promise(() => undefined);
    },
    applyScript(createRegistry([addEnergy(100)])).sha,
  );
  await here.worker({ operations: [addEnergy(100)], ...QUICK });
  const producer = here.producer({ operations: [addEnergy(1_000)] });
  const submissions = await producer.submit(
    [1, 500].map((by, index) => ({ operation: 'energy.add' as const, params: { key: keys[index]!, by } })),
  );
  await until('the strict worker died', () => died);
  await here.worker({ operations: [addEnergy(1_000)], ...QUICK });

  expect(await statuses(submissions)).toEqual(['applied', 'applied']);
  expect(await here.client.mget(...keys)).toEqual(['1', '500']);
});

test('an update of an operation that the worker does not know fails, and a retry by one that does applies it', async () => {
  const here = place();
  const key = here.key('energy');
  const known = await here.worker();
  const producer = here.producer({ operations: [addEnergy(10)] });
  const queue = openQueue(here, 'transactions');
  const submission = await producer.submit({
    operation: 'transaction',
    params: {
      updates: [
        { operation: 'energy.add', params: { key, by: 5 } },
        { operation: 'counter.increment', params: { key: here.key('n') } },
      ],
    },
  });
  expect(await submission.outcome()).toMatchObject({ status: 'failed' });
  await known.close();

  await here.worker({ operations: [addEnergy(10)] });
  await (await ended(queue, submission.jobId)).retry('failed');
  await until('it was applied', async () => (await here.client.get(key)) === '5');
});

/** A worker whose Redis user may write what these patterns name, and Tally's and BullMQ's own keys. */
async function restrictedWorker(here: Place, rules: readonly string[]): Promise<void> {
  const own = [`~${here.namespace}:*`, `~${here.prefix}:*`, `~${here.prefix}`];
  await here.client.call('ACL', 'SETUSER', 'worker', 'reset', 'on', '>secret', '+@all', ...own, ...rules);
  const url = new URL(here.redis);
  url.username = 'worker';
  url.password = 'secret';
  await here.worker({ redis: url.href });
}

test.each([
  ['write', []],
  ['write, only read', ['%R~basket:*']],
])("an update whose key the worker's user may not %s fails alone, at once", async (_what, rules) => {
  const redis = await ownRedis();
  const here = place(redis.url);
  await restrictedWorker(here, ['~stock:*', ...rules]);
  const producer = here.producer();
  const keys = Array.from({ length: 100 }, (_, index) => (index === 50 ? 'basket:typo' : `stock:${index}`));

  const submissions = await producer.submit(keys.map((key) => increment({ key })));
  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));

  expect(outcomes.filter(({ status }) => status === 'applied')).toHaveLength(99);
  expect(outcomes[50]).toMatchObject({
    status: 'failed',
    reason: 'NOPERM',
    message: expect.stringContaining('basket:typo') as string,
  });
  expect(await jobOf(openQueue(here), submissions[50]!.id)).toMatchObject({ attemptsMade: 1 });
  expect(await here.client.exists('basket:typo')).toBe(0);
});

test('within a transaction and a job of its own it says which update and which key it was', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  await restrictedWorker(here, ['~stock:*']);
  const transaction = { updates: [increment({ key: 'stock:1' }), increment({ key: 'basket:1' })] };
  const submission = await here.producer().submit({ operation: 'transaction', params: transaction });

  expect(await submission.outcome()).toMatchObject({
    status: 'failed',
    reason: 'NOPERM',
    message: expect.stringMatching(/^update 1 .*basket:1/) as string,
  });
  expect(await jobOf(openQueue(here, 'transactions'), submission.jobId)).toMatchObject({ attemptsMade: 1 });
  expect(await here.client.exists('stock:1', 'basket:1')).toBe(0);
});

test.each([
  ['HINCRBY', { field: 'f' }],
  ['ZADD', { member: 'm' }],
  ['HMGET', { field: 'f' }],
])("updates that need %s, which the worker's user may not run, fail alone", async (command, place_) => {
  const redis = await ownRedis();
  const here = place(redis.url);
  await restrictedWorker(here, ['~stock:*', `-${command.toLowerCase()}`]);
  const neighbours = [{ key: 'stock:1' }, { key: 'stock:3' }];
  const params = [neighbours[0]!, { key: 'stock:2', ...place_ }, neighbours[1]!];

  // BullMQ itself needs the commands, so that only the script is run by this user.
  const outcomes = await applyAs(here, params);

  expect(outcomes).toEqual(['1', '?NOPERM,1', '1']);
  expect(await here.client.exists('stock:2')).toBe(0);
});

async function applyAs(here: Place, params: readonly object[]): Promise<string[]> {
  const { createApplier } = await import('../support/script.js');
  const url = new URL(here.redis);
  const client = new Redis({ port: Number(url.port), username: 'worker', password: 'secret' });
  onTestFinished(() => {
    client.disconnect();
  });
  const applier = createApplier({ ...here, client: client as never });
  return (await applier.applyRaw(params.map((each) => increment(each)))).split(' ').at(-1)!.split(';');
}

test('what somebody else wrote where the receipt of a key lies fails that update alone', async () => {
  const here = place();
  await here.worker();
  const [mine, other] = [here.key('mine'), here.key('other')];
  await here.client.set(`${here.receipts}:idem::counter.increment:taken`, 'not a receipt');
  const submissions = await here
    .producer()
    .submit([{ ...increment({ key: mine }), idempotencyKey: 'taken' }, increment({ key: other })]);

  expect(await submissions[0].outcome()).toMatchObject({ status: 'failed', reason: 'UNREADABLE_RECEIPT' });
  expect(await submissions[1].outcome()).toMatchObject({ status: 'applied' });
  expect(await here.client.exists(mine)).toBe(0);
});

test.each([
  ['holds another type', async (here: Place, key: string) => here.client.lpush(key, 'x'), 'WRONG_TYPE'],
  ['holds no integer', async (here: Place, key: string) => here.client.set(key, '1e3'), 'NOT_AN_INTEGER'],
  ['is at the limit', async (here: Place, key: string) => here.client.set(key, '9007199254740991'), 'OUT_OF_RANGE'],
])('an update whose cell %s fails alone', async (_what, spoil, reason) => {
  const here = place();
  await here.worker();
  const keys = ['a', 'bad', 'c'].map((name) => here.key(name));
  await spoil(here, keys[1]!);

  const submissions = await here.producer().submit(keys.map((key) => increment({ key })));

  expect(await statuses(submissions)).toEqual(['applied', 'failed', 'applied']);
  expect(await submissions[1]!.outcome()).toMatchObject({ reason });
});

test('an update whose plan throws, or recurses for ever, fails alone', async () => {
  const here = place();
  const plan = (name: 'rogue.throw' | 'rogue.recurse', lua: string) =>
    defineOperation({
      name,
      queue: 'rogue',
      params: z.strictObject({ key: z.string(), bad: z.boolean() }),
      cells: ({ key }: { key: string }) => [{ key }],
      args: ({ bad }: { bad: boolean }) => [bad],
      lua,
      result: () => ({}),
    });
  const operations = [
    plan('rogue.throw', 'return function(cells, args) if args[1] then error("boom; |") end return { 1 }, {} end'),
    plan(
      'rogue.recurse',
      'local function dive(n) return 1 + dive(n + 1) end return function(cells, args) if args[1] then dive(1) end return { 1 }, {} end',
    ),
  ];
  await here.worker({ operations });
  const producer = here.producer({ operations });
  for (const { name } of operations) {
    const keys = ['a', 'bad', 'c'].map((each) => here.key(`${name}-${each}`));
    const submissions = await producer.submit(
      keys.map((key, index) => ({ operation: name, params: { key, bad: index === 1 } })) as never[],
    );
    expect(await statuses(submissions)).toEqual(['applied', 'failed', 'applied']);
    expect(await submissions[1]!.outcome()).toMatchObject({ reason: 'PLAN_ERROR' });
    expect(await here.client.exists(...keys)).toBe(2);
  }
});
