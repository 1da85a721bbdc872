import { setTimeout as wait } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createProducer, createWorker } from '../../src/index.js';
import { connectPromptly } from '../../src/redis/connect.js';
import { slotOf } from '../../src/redis/slots.js';
import { until } from '../support/tally.js';
import { CLUSTER, refusals, SENTINEL, urlAs } from '../support/topology/secure-redis.js';
import type { SecureRedis } from '../support/topology/secure-redis.js';
import { KeyedLoad } from './keyed-load.js';

const logger = pino({ level: 'silent' });

/** How long a slot stays half moved. */
const HALF_MOVED_MS = 1_500;

/** With locks short enough for a test. */
const OPTIONS = { logger, replicasToConfirm: 1, lockDurationMs: 2_000, stalledIntervalMs: 500 };

/** A load before, during and after a failover: what was acknowledged took effect once, and nothing was refused. */
async function expectNothingLost(redis: SecureRedis, failOver: () => Promise<void>): Promise<void> {
  const as = (user: string) => ({ url: urlAs(redis.url, user), tls: redis.security.tls });
  const worker = createWorker({ redis: as('worker'), ...OPTIONS });
  const producer = createProducer({ redis: as('producer'), logger, replicasToConfirm: 1 });
  const reader = connectPromptly(as('load'), 'test', 20_000, logger);
  onTestFinished(async () => {
    await Promise.all([worker.close(), producer.close()]);
    reader.disconnect();
  });
  await worker.ready();
  const load = new KeyedLoad(producer, (number) => `load:{${number % 30}}:${number % 300}`, 20);
  const untilMoreAreSent = async () => {
    const goal = load.sent + 300;
    await until('more updates are sent', () => load.sent >= goal, 60_000);
  };

  await untilMoreAreSent();
  await failOver();
  await untilMoreAreSent();
  await load.stop();

  await until('all took effect', async () => (await load.totals(reader)).lostAccepted === 0);
  const totals = await load.totals(reader);
  expect(totals).toMatchObject({ lostAccepted: 0, lostApplied: 0, doubled: 0, otherOutcomes: [] });
  expect(totals.applied).toBe(totals.sent);
  expect(await refusals(redis)).toEqual([]);
}

test('a secure Cluster loses nothing when a slot moves and a replica takes over from a killed master', async () => {
  const redis = await CLUSTER.start();
  onTestFinished(() => redis.stop());
  const { cluster } = redis;
  await expectNothingLost(redis, async () => {
    const slot = slotOf('load:{7}');
    const owner = await cluster.masterOfSlot(slot);
    const [victim] = (await cluster.masters()).filter((master) => master !== owner);
    let halfMoved: Promise<void> | undefined;
    const between = () => (halfMoved ??= wait(HALF_MOVED_MS)); // all callers may come to wait for it
    await cluster.moveSlot(slot, victim!, { batch: 1, between });
    await victim!.kill();
    await cluster.untilHealthy();
    await victim!.start();
    await cluster.untilHealthy();
    expect(await cluster.masters()).not.toContain(victim);
  });
});

test('secure Sentinels lose nothing when they make a replica the master', async () => {
  const redis = await SENTINEL.start();
  onTestFinished(() => redis.stop());
  const { set } = redis;
  await expectNothingLost(redis, async () => {
    const victim = await set.master();
    await victim.kill();
    await set.untilHealthy();
    expect(await set.master()).not.toBe(victim);
    await victim.start();
    await set.untilHealthy();
  });
});
