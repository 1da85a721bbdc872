import { describe, expect, test } from 'vitest';
import type { Cell } from '../../src/redis/cell.js';
import { createRegistry } from '../../src/operations/registry.js';
import type { RedisClient } from '../../src/redis/connection.js';
import type { Attempt } from '../support/script.js';
import { ownRedis } from '../support/tally.js';
import { CELL_KINDS, cellOf, store, stored } from './cells.js';
import type { CellKind } from './cells.js';
import { allWithHistory } from './histories.js';
import { redisOfThisFile } from './redis-of-this-file.js';
import { NEEDS_HOLD, pointsMove, SAMPLES } from './samples.js';
import { setup } from './setup.js';
import { takeSnapshot } from './snapshot.js';

const operations = createRegistry([pointsMove])
  .operations.map(({ name }) => name)
  .filter((name) => !NEEDS_HOLD.has(name));

const redis = redisOfThisFile();

/**
 * A place of the test's own, with a cell, an update that touches it, and enough stock beside it. All keep a history:
 * then a job has the most to write.
 */
async function begin(operation: string, kind: CellKind, url = redis.url) {
  const all = setup(url, allWithHistory(5));
  const cell = cellOf(kind, all.key('cell'));
  await all.client.set(`${all.key('other')}:stocked`, 1000);
  return { ...all, cell, update: sampleOf(operation).update(cell, all.key('other')) };
}

function sampleOf(operation: string) {
  const sample = SAMPLES[operation];
  if (sample === undefined) {
    throw new Error(`add a sample of ${operation} to test/lua/samples.ts`);
  }
  return sample;
}

async function wrongType(client: RedisClient, { key, field }: Cell): Promise<void> {
  await (field === undefined ? client.hset(key, 'some', 'thing') : client.set(key, 5));
}

const POISONS = {
  'holds another type of value': { reason: 'WRONG_TYPE', poison: wrongType },
  'holds a list': {
    reason: 'WRONG_TYPE',
    poison: async (client: RedisClient, { key }: Cell) => {
      await client.rpush(key, '5');
    },
  },
  'holds something other than an integer': {
    reason: 'NOT_AN_INTEGER',
    poison: (client: RedisClient, cell: Cell) => store(client, cell, '1.5'),
  },
};

test.each(operations)('%s writes when nothing is in its way, so that the tests below prove something', async (name) => {
  const { client, applyOne, cell, update } = await begin(name, 'string');
  await client.set(cell.key, 100);
  const before = await takeSnapshot(client);

  expect(await applyOne(update)).toMatchObject({ status: 'applied' });

  expect(await takeSnapshot(client)).not.toEqual(before);
  expect(await client.get(cell.key)).not.toBe('100');
});

describe.each(operations)('%s writes nothing', (name) => {
  for (const kind of CELL_KINDS) {
    test.each(Object.entries(POISONS))(`when a ${kind} cell %s`, async (_what, { poison, reason }) => {
      const { client, applyOne, cell, update } = await begin(name, kind);
      await poison(client, cell);
      const before = await takeSnapshot(client);

      expect(await applyOne({ ...update, idempotencyKey: 'k' })).toMatchObject({ status: 'failed', reason });

      expect(await takeSnapshot(client)).toEqual(before);
    });

    const { outOfRangeFrom } = sampleOf(name);
    if (outOfRangeFrom !== undefined) {
      test(`when a ${kind} cell would leave the range`, async () => {
        const { client, applyOne, cell, update } = await begin(name, kind);
        await store(client, cell, outOfRangeFrom);
        const before = await takeSnapshot(client);

        expect(await applyOne(update)).toMatchObject({ status: 'failed', reason: 'OUT_OF_RANGE' });

        expect(await takeSnapshot(client)).toEqual(before);
      });
    }

    test(`when its lease is over (${kind})`, async () => {
      const { client, applyOne, cell, update } = await begin(name, kind);
      await store(client, cell, 100);
      const before = await takeSnapshot(client);

      const [seconds] = await client.time();
      const late: Attempt = { leaseMs: Number(seconds) * 1000 - 1 };
      await expect(applyOne({ ...update, idempotencyKey: 'k' }, late)).rejects.toThrow(/^LEASE_EXPIRED/);

      expect(await takeSnapshot(client)).toEqual(before);
    });
  }

  test('of a failed update in a batch, while the others apply', async () => {
    const { client, apply, jobReceipt, keyReceipt, cell, update, key } = await begin(name, 'string');
    await wrongType(client, cell);
    const good = (n: number) => sampleOf(name).update({ key: key(`good${n}`) }, key(`beside${n}`));
    for (const n of [1, 2]) {
      await client.mset(key(`good${n}`), 100, `${key(`beside${n}`)}:stocked`, 100);
    }
    const before = await takeSnapshot(client);

    const jobId = 'batch';
    const outcomes = await apply([good(1), { ...update, idempotencyKey: 'failed' }, good(2)], { jobId });

    expect(outcomes).toMatchObject([{ status: 'applied' }, { status: 'failed' }, { status: 'applied' }]);
    const after = await takeSnapshot(client);
    const touchedByFailed = [cell.key, `${key('other')}:`, keyReceipt('failed', name)];
    const dumpsOfFailed = (dumps: Readonly<Record<string, string>>) =>
      Object.entries(dumps).filter(([hex]) =>
        touchedByFailed.some((start) => hex.startsWith(Buffer.from(start).toString('hex'))),
      );
    expect(dumpsOfFailed(after.dumps)).toEqual(dumpsOfFailed(before.dumps));
    expect(await client.mget(key('good1'), key('good2'))).not.toContain('100');
    expect(await client.exists(jobReceipt(jobId))).toBe(1);
  });
});

/** What Redis answers to a first write, how to bring it there, and back, so that the test can clean up. */
const REFUSALS = {
  OOM: {
    settings: ['--maxmemory', '3mb'],
    refuse: async (client: RedisClient, filler: string) => {
      const fill = async (): Promise<void> => {
        await client.rpush(filler, 'x'.repeat(100_000));
        await fill();
      };
      await expect(fill()).rejects.toThrow(/^OOM/);
      await client.config('SET', 'maxmemory', '1mb'); // so that no buffer set free lets a write through
    },
    allow: (client: RedisClient) => client.config('SET', 'maxmemory', '0'),
  },
  NOREPLICAS: {
    settings: [],
    refuse: (client: RedisClient) => client.config('SET', 'min-replicas-to-write', '1'),
    allow: (client: RedisClient) => client.config('SET', 'min-replicas-to-write', '0'),
  },
  READONLY: {
    settings: [],
    refuse: (client: RedisClient) => client.replicaof('127.0.0.1', 1),
    allow: (client: RedisClient) => client.replicaof('NO', 'ONE'),
  },
};

test.each(Object.entries(REFUSALS))(
  'no operation writes anything when Redis answers %s, and each applies once it allows writes',
  async (code, { settings, refuse, allow }) => {
    const { url } = await ownRedis(settings);
    const { client, key, apply, applyOne } = await begin('xp.award', 'string', url);
    const cases = operations.flatMap((name) =>
      CELL_KINDS.map((kind, n) => {
        const cell = cellOf(kind, key(`${name}${n}`));
        return { what: `${name} on a ${kind}`, cell, update: sampleOf(name).update(cell, key('other')) };
      }),
    );
    await Promise.all(cases.map(({ cell }) => store(client, cell, 100)));
    const ranBefore = { jobId: 'ran-before', ranBefore: true };
    const applied = await applyOne({ operation: 'xp.award', params: { key: key('xp'), amount: 5 } }, ranBefore);
    await refuse(client, key('filler'));
    const before = await takeSnapshot(client);

    for (const { what, update } of cases) {
      const error = new RegExp(`^${code} `);
      await expect(applyOne({ ...update, idempotencyKey: what }), what).rejects.toThrow(error);
      await expect(apply([update, update]), `${what}, twice`).rejects.toThrow(error);
    }

    expect(await takeSnapshot(client)).toEqual(before);
    const again = applyOne({ operation: 'xp.award', params: { key: key('xp'), amount: 5 } }, ranBefore);
    // A full Redis lets receipts be kept: no memory is needed. Others don't, and the refusal does not say that nothing was applied.
    await (code === 'OOM'
      ? expect(again).resolves.toEqual(applied)
      : expect(again).rejects.toThrow(new RegExp(`^${code} .*; what was applied before can not be told now`)));
    await allow(client);
    for (const { what, update } of cases) {
      expect(await applyOne({ ...update, idempotencyKey: what }), what).toMatchObject({ status: 'applied' });
    }
  },
);

describe('a key that is missing and named as two kinds in one job', () => {
  test.each([
    ['string', 'hash field'],
    ['string', 'sorted-set member'],
    ['hash field', 'sorted-set member'],
  ] as const)('is not created when one update names it as %s and %s', async (one, other) => {
    const { client, applyOne, key } = await begin('scores.add', one);
    const before = await takeSnapshot(client);
    const entries = [one, other].map((kind) => ({ ...cellOf(kind, key('both')), by: 1 }));

    const outcome = await applyOne({ operation: 'scores.add', params: { entries } });

    expect(outcome).toMatchObject({ status: 'failed', reason: 'WRONG_TYPE' });
    expect(await takeSnapshot(client)).toEqual(before);
  });

  test.each(operations)('is created as one kind by a batch of %s, and the other update fails', async (name) => {
    for (const [one, other] of [
      ['string', 'hash field'],
      ['hash field', 'sorted-set member'],
      ['sorted-set member', 'string'],
    ] as const) {
      const { client, apply, key } = await begin(name, one);
      const cells = [cellOf(one, key('both')), cellOf(other, key('both'))];
      const updates = cells.map((cell, n) => sampleOf(name).update(cell, key(`beside${n}`)));
      await client.mset(`${key('beside0')}:stocked`, 100, `${key('beside1')}:stocked`, 100);

      const outcomes = await apply(updates);

      const written = await Promise.all(cells.map((cell) => stored(client, cell).catch(() => 'wrong type')));
      outcomes.forEach(({ status }, n) => {
        expect([status, written[n]]).not.toEqual(['applied', 'wrong type']);
      });
      expect(outcomes.filter(({ status }) => status === 'failed')).toHaveLength(1);
    }
  });
});
