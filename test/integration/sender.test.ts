import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/layout/store.js';
import type { Operation } from '../../src/operations/operation.js';
import { createRegistry } from '../../src/operations/registry.js';
import { checkUpdate } from '../../src/operations/update.js';
import { KeyLookUp } from '../../src/producers/idempotency.js';
import type { Keyed } from '../../src/producers/idempotency.js';
import { PendingUpdate } from '../../src/producers/pending-update.js';
import { Sender } from '../../src/producers/sender.js';
import { ReplicaConfirmation } from '../../src/redis/replicas.js';
import { place } from '../support/tally.js';

const TIMEOUT_MS = 300;

/** A sender whose time is over before it has looked its updates up. */
function slowSender() {
  const here = place();
  const store = openStore({ ...here, connectionName: 'tally-producer', timeoutMs: 10 * TIMEOUT_MS });
  const confirmation = new ReplicaConfirmation(store.redis, { replicasToConfirm: 0, confirmOnDisk: false });
  const keyLookUp = new (class extends KeyLookUp {
    override async look<Item extends Keyed>(updates: readonly Item[], operationOf: (update: Item) => Operation) {
      await wait(2 * TIMEOUT_MS);
      return super.look(updates, operationOf);
    }
  })(store, 60_000, confirmation);
  const sender = new Sender({
    ...{ store, keyLookUp, confirmation, windowMs: 60_000, timeoutMs: TIMEOUT_MS, maxBatch: 256, backlogLimit: 1_000 },
    ...{ follow: () => Promise.reject(new Error('is not followed')), updateCounters: undefined, telemetry: undefined },
  });
  onTestFinished(async () => {
    await sender.close();
    store.close();
  });
  const registry = createRegistry();
  const slotOf = store.layouts.configured.slotOf.bind(store.layouts.configured);
  const update = checkUpdate(
    { operation: 'counter.increment', params: { key: here.key('n') } },
    { registry, isReservedKey: () => false, slotOf, idempotencyOwner: '', sentAt: () => 0 },
  );
  const caller = { resolve: () => undefined, reject: () => undefined };
  const send = () => {
    const times = { sinceMs: performance.now(), trace: undefined, sendBeforeMs: undefined, carrier: undefined };
    return sender.send(update.operation, [new PendingUpdate(update, times, caller.resolve, caller.reject)]);
  };
  return { here, redis: store.redis, send };
}

test('what was told not to be accepted is not sent any more', async () => {
  const { here, redis, send } = slowSender();
  await redis.ping();
  const refusal = Object.assign(new Error('READONLY this server was a replica a moment ago'), { name: 'ReplyError' });
  redis.lastError = refusal;

  await expect(send()).rejects.toMatchObject({ redisCode: 'READONLY', accepted: 'none' });

  await wait(4 * TIMEOUT_MS);
  expect(await here.client.exists(`${here.prefix}:counters:wait`)).toBe(0);
});
