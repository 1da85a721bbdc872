import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Connection } from '../../src/redis/connection.js';
import { createApplier } from '../support/script.js';
import { place } from '../support/tally.js';
import { CELL_KINDS, cellOf, store } from './cells.js';
import { redisOfThisFile } from './redis-of-this-file.js';
import { takeSnapshot } from './snapshot.js';

const redis = redisOfThisFile();

/** Before Redis 7 a script can't ask what its user may do. */
const withoutQuestion = (text: string) => text.replaceAll('redis.acl_check_cmd', '(nil)');

/** An applier whose user has these rules beside all commands on all keys. */
async function applierOf(edit: ((text: string) => string) | undefined, ...rules: string[]) {
  const here = place(redis.url);
  const user = here.namespace;
  await here.client.call('ACL', 'SETUSER', user, 'reset', 'on', '>secret', '~*', '+@all', ...rules);
  const client = new Redis({ port: Number(new URL(redis.url).port), username: user, password: 'secret' });
  onTestFinished(() => {
    client.disconnect();
  });
  const masters = () => [client];
  const applier = createApplier(
    { ...here, client: Object.assign(client, { masters }) as never as Connection },
    { edit },
  );
  return { ...applier, here, key: (name: string) => here.key(name) };
}

const REMOVALS = { string: 'del', 'hash field': 'hdel', 'sorted-set member': 'zrem' } as const;
const WRITES = { string: 'incrby', 'hash field': 'hincrby', 'sorted-set member': 'zadd' } as const;

describe.each([
  { how: 'asked of Redis', edit: undefined },
  { how: 'tried, as before Redis 7', edit: withoutQuestion },
])('rights that are $how', ({ edit }) => {
  test.each(CELL_KINDS)('are found to lack for a %s before anything is written', async (kind) => {
    const { here, key, apply, applyOne } = await applierOf(edit, `-${WRITES[kind]}`);
    const [old, fresh] = [cellOf(kind, key('old')), cellOf(kind, key('new'))];
    await store(here.client, old, 5);
    const before = await takeSnapshot(here.client);

    for (const cell of [old, fresh]) {
      const update = { operation: 'counter.increment', params: { ...cell } };
      expect(await applyOne(update)).toMatchObject({ status: 'failed', reason: 'NOPERM' });
    }
    expect(await takeSnapshot(here.client)).toEqual(before);

    const other = cellOf(kind === 'string' ? 'hash field' : 'string', key('other'));
    const cells = [old, other, fresh];
    const outcomes = await apply(cells.map((cell) => ({ operation: 'counter.increment', params: { ...cell } })));
    expect(outcomes.map(({ status }) => status)).toEqual(['failed', 'applied', 'failed']);
  });

  test.each(CELL_KINDS)('are enough for a %s with the commands that write it', async (kind) => {
    const others = Object.values(WRITES).filter((command) => command !== WRITES[kind]);
    const { key, applyOne } = await applierOf(edit, '-hset', ...others.map((command) => `-${command}`));

    const update = { operation: 'counter.increment', params: { ...cellOf(kind, key('n')) } };
    expect(await applyOne(update)).toMatchObject({ status: 'applied', result: { value: 1 } });
    expect(await applyOne(update)).toMatchObject({ status: 'applied', result: { value: 2 } });
  });

  test('are found to lack when a string is to be created with a TTL, which takes SET', async () => {
    const { here, key, applyOne } = await applierOf(edit, '-set');
    await here.client.call('ACL', 'SETUSER', here.namespace, `(+set ~${here.namespace}:*)`); // the receipts alone
    const before = await takeSnapshot(here.client);

    const params = { key: key('n'), ttlSeconds: 60 };
    expect(await applyOne({ operation: 'counter.increment', params })).toMatchObject({ reason: 'NOPERM' });

    expect(await takeSnapshot(here.client)).toEqual(before);
    expect(await applyOne({ operation: 'counter.increment', params: { key: key('n') } })).toMatchObject({
      status: 'applied',
    });
  });

  test('are found to lack when a life is to be renewed, which takes EXPIRE', async () => {
    const { here, key, applyOne } = await applierOf(edit, '-expire');
    await here.client.call('ACL', 'SETUSER', here.namespace, `(+expire ~${here.namespace}:*)`); // the receipts alone
    await here.client.set(key('n'), 5);
    const before = await takeSnapshot(here.client);

    const params = { key: key('n'), ttlSeconds: 60, renewTtl: true };
    expect(await applyOne({ operation: 'counter.increment', params })).toMatchObject({ reason: 'NOPERM' });

    expect(await takeSnapshot(here.client)).toEqual(before);
  });

  test.each(CELL_KINDS)(
    'are found to lack when a %s is to be removed, and its neighbours are applied',
    async (kind) => {
      const { here, key, apply, applyOne } = await applierOf(edit, `-${REMOVALS[kind]}`);
      const [cell, missing] = [cellOf(kind, key('n')), cellOf(kind, key('missing'))];
      await store(here.client, cell, 5);
      const before = await takeSnapshot(here.client);
      const remove = { operation: 'counter.remove', params: { ...cell } };

      expect(await applyOne(remove)).toMatchObject({
        status: 'failed',
        reason: 'NOPERM',
        message: expect.stringContaining(cell.key) as string,
      });
      const update = { operation: 'counter.increment', params: { ...cell } };
      expect(await applyOne({ operation: 'transaction', params: { updates: [update, remove] } })).toMatchObject({
        status: 'failed',
        reason: 'NOPERM',
        update: 1,
      });
      expect(await takeSnapshot(here.client)).toEqual(before);

      const other = cellOf(kind === 'string' ? 'hash field' : 'string', key('other'));
      await store(here.client, other, 5);
      const outcomes = await apply([cell, other, missing].map((it) => ({ ...remove, params: { ...it } })));
      expect(outcomes.map(({ status }) => status)).toEqual(['failed', 'applied', 'applied']);
    },
  );

  test.each(CELL_KINDS)('are enough to remove a %s with the command that removes it', async (kind) => {
    const others = Object.values(REMOVALS).filter((command) => command !== REMOVALS[kind]);
    const { here, key, applyOne } = await applierOf(edit, ...others.map((command) => `-${command}`));
    const cell = cellOf(kind, key('n'));
    await store(here.client, cell, 5);

    expect(await applyOne({ operation: 'counter.remove', params: { ...cell } })).toMatchObject({ status: 'applied' });
    expect(await here.client.exists(cell.key)).toBe(0);
  });

  test('are found to lack when the time can not be announced', async () => {
    const { here, key, applyOne } = await applierOf(edit, '-zadd');
    const before = await takeSnapshot(here.client);

    const update = { operation: 'counter.increment', params: { key: key('n') }, idempotencyKey: 'k' };
    await expect(applyOne(update)).rejects.toThrow(/^NOPERM/);

    expect(await takeSnapshot(here.client)).toEqual(before);
  });
});
