import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeKeyReceipt } from '../../src/jobs/key-receipt.js';
import { newJobId } from '../../src/layout/new-job-id.js';
import { SplitReceipts } from '../../src/layout/split-receipts.js';
import { applyScript } from '../../src/operations/apply-script.js';
import { createRegistry, withHistory } from '../../src/operations/registry.js';
import { checkUpdates } from '../../src/operations/update.js';
import { CrossSlotScripts, crossSlotScript, refusalOfCrossSlot } from '../../src/redis/cross-slot-scripts.js';
import { createKeys } from '../../src/redis/keys.js';
import { createScript } from '../../src/redis/scripts.js';
import { slotOf, tagOf } from '../../src/redis/slots.js';
import { buildCrossSlotCall } from '../../src/workers/script-call.js';
import { keysLike, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import {
  LONG_LOCK,
  SLOTS_OF_FIRST,
  applied,
  keysOnFirst,
  submit,
  outcomesOf,
  countedWorker,
  valuesOf,
} from './on-masters.js';

describe('on three masters', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ masters: 3, replicasPerMaster: 0 });
  });
  afterAll(() => cluster.stop());

  test('a job is one call for each master, with a receipt in each slot', async () => {
    const here = place(cluster.url);
    const { calls } = await countedWorker(here, LONG_LOCK);
    const keys = Array.from({ length: 60 }, (_, n) => `${here.namespace}-${n}`);

    expect(await outcomesOf(await submit(here, [...keys, ...keys]))).toEqual([
      ...keys.map(() => applied(1)),
      ...keys.map(() => applied(2)),
    ]);
    expect([await calls('answered'), await calls('fell back')]).toEqual([3, 0]);
    const receipts = await keysLike(here, `${here.namespace}:*:job:*`);
    expect(receipts).toHaveLength(new Set(keys.map(slotOf)).size);
    await until('all of them expire', async () => {
      const livesMs = await Promise.all(receipts.map((receipt) => here.client.pttl(receipt)));
      return livesMs.every((lifeMs) => lifeMs > 0 && lifeMs <= 600_000);
    });
  });

  test('a worker that was told so makes a call for each slot', async () => {
    const here = place(cluster.url);
    const { calls } = await countedWorker(here, { callByMaster: false });
    const keys = keysOnFirst(here, 10);

    expect(await outcomesOf(await submit(here, keys))).toEqual(keys.map(() => applied(1)));
    expect([await calls('answered'), await calls('fell back')]).toEqual([0, 0]);
  });

  test('cells of all kinds, TTLs, histories and keys that repeat are as they are by slot', async () => {
    const here = place(cluster.url);
    const operations = [withHistory('counter.increment', 3)];
    const { calls } = await countedWorker(here, { ...LONG_LOCK, operations });
    const [a, b, hash, zset, text, board] = keysOnFirst(here, 6) as [string, string, string, string, string, string];
    await here.client.set(text, 'no number');
    await here.client.zadd(board, 4, 'm');
    const by = (params: object, idempotencyKey?: string) => ({
      operation: 'counter.increment' as const,
      params: params as { key: string },
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    });
    const updates = [
      by({ key: a, ttlSeconds: 900 }),
      by({ key: b, by: 3 }, 'once'),
      by({ key: hash, field: 'f', by: 5 }),
      by({ key: zset, member: 'm', by: 7 }),
      by({ key: text }),
      by({ key: board }),
      by({ key: b, by: 3 }, 'once'),
      by({ key: a, by: 10 }),
    ];
    const submissions = await here.producer({ partitions: 1, operations }).submit(updates);

    expect(await Promise.all(submissions.map((submission) => submission.outcome()))).toMatchObject([
      applied(1),
      applied(3, 3),
      applied(5, 5),
      applied(7, 7),
      { status: 'failed', reason: 'NOT_AN_INTEGER' },
      { status: 'failed', reason: 'WRONG_TYPE' },
      { ...applied(3, 3), duplicate: true },
      applied(11, 10),
    ]);
    expect(await calls('answered')).toBeGreaterThan(0);
    expect(await calls('fell back')).toBe(0);
    expect(await here.client.ttl(a)).toBeGreaterThan(0);
    expect(await valuesOf(here, [a, b, text])).toEqual(['11', '3', 'no number']);
    expect(await here.client.hget(hash, 'f')).toBe('5');
    expect(await here.client.zscore(zset, 'm')).toBe('7');
    const histories = await keysLike(here, `${here.namespace}:*:history:*`);
    expect(histories).toHaveLength(4);
    for (const history of histories) {
      expect(slotOf(history)).toBeLessThan(SLOTS_OF_FIRST);
    }
  });

  test('idempotency keys in several slots are each remembered in their slot, with the id of their update', async () => {
    const here = place(cluster.url);
    const { calls } = await countedWorker(here, LONG_LOCK);
    const keys = keysOnFirst(here, 4);
    const update = (n: number, by: number) => ({
      operation: 'counter.increment' as const,
      params: { key: keys[n]!, by },
      ...(n !== 1 && { idempotencyKey: `once-${n}` }),
    });
    const order = [0, 1, 2, 3];
    const first = order.map((n) => update(n, n + 1));
    const submissions = await here.producer({ partitions: 1 }).submit([...first, ...first, update(2, 9)]);

    expect(await Promise.all(submissions.map((submission) => submission.outcome()))).toMatchObject([
      ...[applied(1), applied(2, 2), applied(3, 3), applied(4, 4)],
      { ...applied(1), duplicate: true },
      applied(4, 2),
      { ...applied(3, 3), duplicate: true },
      { ...applied(4, 4), duplicate: true },
      { status: 'conflict' },
    ]);
    expect(await valuesOf(here, keys)).toEqual(['1', '4', '3', '4']);
    expect([await calls('answered'), await calls('fell back')]).toEqual([1, 0]);
    const name = (n: number) => ({ owner: '', operation: 'counter.increment', key: `once-${n}` });
    const receipts = await valuesOf(
      here,
      [0, 2, 3].map((n) => createKeys(here).idempotencyReceipt(name(n), slotOf(keys[n]!))),
    );
    expect(receipts.map((receipt) => decodeKeyReceipt(receipt))).toMatchObject(
      [0, 2, 3].map((n) => ({ slot: slotOf(keys[n]!), updateId: submissions[n]!.id, outcome: String(n + 1) })),
    );
  });

  test('a call that is run twice, as it may be when its answer was lost, applies once', async () => {
    const here = place(cluster.url);
    await here.client.ping();
    const [registry, ownKeys, receipts] = [createRegistry([]), createKeys(here), new SplitReceipts()];
    const keys = keysOnFirst(here, 4);
    const updates = checkUpdates(
      keys.map((key) => ({ operation: 'counter.increment', params: { key } })),
      { registry, isReservedKey: ownKeys.isReserved, slotOf: (steps) => receipts.slotOf(steps), idempotencyOwner: '' },
    );
    const groups = receipts.groups(updates, () => expect.fail('it has a slot'));
    const settings = { form: 2, digest: 'Digest-0', ranBefore: false, stamp: { sentAtMs: Date.now() }, keys: ownKeys };
    const lease = { leaseMs: Date.now() + 60_000, lockDurationMs: 60_000 };
    const name = { prefix: here.partition.prefix, queue: 'counters', jobId: newJobId(groups[0].slot) };
    const call = buildCrossSlotCall(groups, { ...settings, ...lease, name }, () => undefined);
    const scripts = new CrossSlotScripts(here.client);
    const master = here.client.masterOf(groups[0].slot);
    const run = () => scripts.run(master!, crossSlotScript(applyScript(registry)), call.keys[0]!, call.args);

    const records = await run();
    expect(records).toHaveLength(4);
    expect(await run()).toEqual(records);
    expect(await valuesOf(here, keys)).toEqual(['1', '1', '1', '1']);
  });

  test('a time that is announced in one slot, past the lease, is found by the first call, and nothing is written before', async () => {
    const here = place(cluster.url);
    const { calls } = await countedWorker(here, LONG_LOCK);
    const keys = keysOnFirst(here, 3);
    const [before, ahead, behind] = keys as [string, string, string];
    await here.client.zadd(createKeys(here).announced(slotOf(ahead)), Date.now() + 600_000, 'clock-ms');

    expect(await outcomesOf(await submit(here, [before, ahead, behind]))).toEqual(keys.map(() => applied(1)));
    expect([await calls('answered'), await calls('fell back')]).toEqual([1, 1]); // the next attempt knows of it
  });

  test('a server that does not know such scripts is asked by slot from then on', async () => {
    const here = place(cluster.url);
    await here.client.ping();
    const scripts = new CrossSlotScripts(here.client);
    const items = [1, 2, 3].map((slot) => ({ slot }));
    const master = here.client.masterOf(1);
    const asked = () =>
      scripts
        .ask(items, { together: (_, ofMaster) => Promise.resolve(ofMaster), alone: (item) => Promise.resolve(item) })
        .map(({ places }) => places);
    expect(asked()).toEqual([[0, 1, 2]]);
    expect(await refusalOfCrossSlot(master!)).toBeUndefined();

    const key = `{${tagOf(1)}}`;
    const known = crossSlotScript(createScript('known', `return redis.call('GET', '{${tagOf(2)}}') or 'local'`));
    expect(await scripts.run(master!, known, key, [])).toBe('local');
    const elsewhere = crossSlotScript(createScript('elsewhere', `return redis.call('GET', '{${tagOf(16_000)}}')`));
    await expect(scripts.run(master!, elsewhere, key, [])).rejects.toThrow('non local key');
    expect(asked()).toEqual([[0, 1, 2]]);

    const unknown = createScript('unknown', '#!lua flags=not-known-here\nreturn 1');
    await expect(scripts.run(master!, unknown, key, [])).rejects.toThrow(/flag/);
    expect(asked()).toEqual([[0], [1], [2]]);
  });

  test.each(['%R~', '%W~', undefined])(
    'of a cell with the right %s, nothing is written, and the others are',
    async (right) => {
      const here = place(cluster.url);
      const [mine, other, theirs] = keysOnFirst(here, 3) as [string, string, string];
      await allowOn(
        cluster,
        here,
        `~${here.namespace}:*`,
        `~${mine}`,
        `~${other}`,
        ...(right ? [`${right}${theirs}`] : []),
      );
      const { calls } = await countedWorker(here, { ...LONG_LOCK, redis: urlOf(here) });

      const outcomes = await outcomesOf(await submit(here, [mine, theirs, other]));

      expect(outcomes).toMatchObject([applied(1), { status: 'failed', reason: 'NOPERM' }, applied(1)]);
      expect(await valuesOf(here, [mine, theirs, other])).toEqual(['1', null, '1']);
      expect([await calls('answered'), await calls('fell back')]).toEqual([1, 0]);
    },
  );

  test.each(['job', 'history'])(
    'without the right on the %s of a slot, nothing is written there, and nothing by half',
    async (kind) => {
      const here = place(cluster.url);
      const [mine, theirs] = keysOnFirst(here, 2) as [string, string];
      const [own, others] = [mine, theirs].map((key) => `${here.namespace}:{${tagOf(slotOf(key))}}`);
      await allowOn(
        cluster,
        here,
        `~${mine}`,
        `~${theirs}`,
        `~${own}:*`,
        `~${others}:announced`,
        `%R~${others}:${kind}:*`,
        `~${others}:${kind === 'job' ? 'history' : 'job'}:*`,
      );
      const operations = [withHistory('counter.increment', 3)];
      const { calls } = await countedWorker(here, { redis: urlOf(here), operations });
      await submit(here, [mine, theirs]);
      await until('it was tried', async () => (await calls('fell back')) > 0);
      await until('what may be written is', async () => (await here.client.get(mine)) === '1');

      expect(await here.client.get(theirs)).toBeNull();
      expect(await keysLike(here, `${others}:job:*`)).toEqual([]);
    },
  );
});

/** A user who may run all commands, on these keys and on those that no slot has. */
async function allowOn(cluster: Cluster, here: Place, ...keys: string[]): Promise<void> {
  const rules = [
    'reset',
    'on',
    '>secret',
    '&*',
    '+@all',
    `~${here.prefix}:*`,
    `~${here.namespace}:partitions`,
    ...keys,
  ];
  await Promise.all(cluster.nodes.map((node) => node.run('ACL', 'SETUSER', here.namespace, ...rules)));
}

function urlOf(here: Place): string {
  return here.redis.replace('//', `//${here.namespace}:secret@`);
}
