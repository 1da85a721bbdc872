import { expect, onTestFinished, test } from 'vitest';
import { startSentinel } from '../support/topology/sentinel.js';
import { place, until } from '../support/tally.js';
import { KeyedLoad } from './keyed-load.js';

test(
  'when Sentinel makes a replica the master, work goes on, and the old master comes back as a replica',
  { timeout: 180_000 },
  async () => {
    const set = await startSentinel({ replicas: 2 });
    onTestFinished(() => set.stop());
    await set.untilHealthy();
    const here = place(set.url);
    const durable = { replicasToConfirm: 1 };
    await here.worker({ lockDurationMs: 2_000, stalledIntervalMs: 500, ...durable });
    const load = new KeyedLoad(here.producer(durable), (number) => here.key(`c-${number % 100}`), 50);
    const untilMore = async () => {
      const goal = load.sent + 1_000;
      await until('more updates are sent', () => load.sent >= goal, 60_000);
    };

    await untilMore();
    const old = await set.master();
    await old.kill();
    await set.untilHealthy(60_000);
    expect((await set.master()).port).not.toBe(old.port);
    await untilMore();
    await old.start();
    await set.untilHealthy(60_000);
    await untilMore();
    await load.stop();

    await until('all took effect', async () => (await load.totals(here.client)).lostAccepted === 0);
    const totals = await load.totals(here.client);
    expect(totals).toMatchObject({ lostAccepted: 0, lostApplied: 0, doubled: 0 });
    expect(totals.applied).toBe(totals.sent);
    expect(await here.client.zcard(`${here.prefix}:counters:failed`)).toBe(0);
  },
);

test('a master that is frozen, and stays so, is left for the one that Sentinel has put in its place', async () => {
  const set = await startSentinel({ replicas: 1 });
  onTestFinished(() => set.stop());
  const here = place(set.url);
  await here.worker({ lockDurationMs: 2_000, stalledIntervalMs: 500 });
  const producer = here.producer();
  const apply = async () => (await producer.counters.increment({ key: here.key('n') })).outcome({ timeoutMs: 5_000 });
  expect(await apply()).toMatchObject({ status: 'applied' });
  const old = await set.master();
  process.kill(old.pid(), 'SIGSTOP');
  await until('another one is the master', async () => (await set.master()) !== old);
  await until('work goes on', () =>
    apply().then(
      ({ status }) => status === 'applied',
      () => false,
    ),
  );
  process.kill(old.pid(), 'SIGCONT');
  await set.untilHealthy(60_000);
  expect(await apply()).toMatchObject({ status: 'applied' });
});
