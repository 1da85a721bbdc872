import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createOutbox, startRelay, stepOfChain } from '../support/outbox.js';
import type { OutboxOfTest } from '../support/outbox.js';
import { NO_POSTGRES, startPostgres } from '../support/postgres.js';
import type { PostgresServer } from '../support/postgres.js';
import { place, until } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import { startSentinel } from '../support/topology/sentinel.js';

/** Locks short enough for a test. */
const QUICK = { lockDurationMs: 2_000, stalledIntervalMs: 500 };
const LIMIT_MS = 120_000;

const STEPS = 30;

/** Steps of each key, each of which says what it expects. */
function chains(keys: readonly string[], from: number, to: number) {
  const values = Array.from({ length: to - from }, (_, n) => from + n);
  return values.flatMap((value) => keys.map((key) => stepOfChain(key, value)));
}

async function untilMarked(outbox: OutboxOfTest, count: number): Promise<void> {
  const marked = async () => (await outbox.rows()).filter(({ outcome }) => outcome !== null).length;
  await until(`${count} rows are marked`, async () => (await marked()) >= count, LIMIT_MS);
}

async function expectAllApplied(outbox: OutboxOfTest): Promise<void> {
  const rows = await outbox.untilProcessed(LIMIT_MS);
  expect(new Set(rows.map(({ outcome, reason }) => reason ?? outcome))).toEqual(new Set(['applied']));
}

describe.skipIf(NO_POSTGRES !== undefined)('tally relay', { timeout: 2 * LIMIT_MS }, () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgres();
    return () => postgres.remove();
  });

  test('on a Cluster: rows of all masters are applied once, in order per key, though a master and the relay are killed', async () => {
    const cluster = await startCluster({ masters: 3, replicasPerMaster: 0 });
    onTestFinished(() => cluster.stop());
    const here = place(cluster.url);
    await here.worker(QUICK);
    const outbox = await createOutbox(postgres);
    const keys = Array.from({ length: 20 }, (_, n) => here.scattered(`chain-${n}`));
    await outbox.insert(...chains(keys, 1, STEPS));
    const first = startRelay(here, outbox.url);
    await untilMarked(outbox, 100);
    const [master] = await cluster.masters();
    await master!.kill();
    first.child.kill('SIGKILL');
    await first.ended;
    startRelay(here, outbox.url);
    await outbox.insert(...chains(keys, STEPS, STEPS + 5));
    await master!.start();
    await expectAllApplied(outbox);
    expect(await Promise.all(keys.map((key) => here.client.get(key)))).toEqual(keys.map(() => `${STEPS + 4}`));
  });

  test('behind Sentinel: rows are applied once, in order per key, though a replica takes over', async () => {
    const set = await startSentinel({ replicas: 2 });
    onTestFinished(() => set.stop());
    await set.untilHealthy();
    const here = place(set.url);
    await here.worker({ ...QUICK, replicasToConfirm: 1 });
    const outbox = await createOutbox(postgres);
    const keys = Array.from({ length: 20 }, (_, n) => here.key(`chain-${n}`));
    await outbox.insert(...chains(keys, 1, STEPS));
    startRelay(here, outbox.url, [], { TALLY_REPLICAS_TO_CONFIRM: '1' });
    await untilMarked(outbox, 100);
    const old = await set.master();
    await old.kill();
    await until('a replica has taken over', async () => (await set.master()).port !== old.port, LIMIT_MS);
    await expectAllApplied(outbox);
    expect(await Promise.all(keys.map((key) => here.client.get(key)))).toEqual(keys.map(() => `${STEPS - 1}`));
  });
});
