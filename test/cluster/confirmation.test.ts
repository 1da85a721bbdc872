import { expect, onTestFinished, test } from 'vitest';
import { QueueUnavailableError } from '../../src/index.js';
import { Partitions } from '../../src/layout/partitions.js';
import type { ClusterConnection } from '../../src/redis/cluster-connection.js';
import { NotReplicatedError, ReplicaConfirmation } from '../../src/redis/replicas.js';
import { slotOf } from '../../src/redis/slots.js';
import { place, until } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';

async function ownCluster(): Promise<Cluster> {
  const cluster = await startCluster();
  onTestFinished(() => cluster.stop());
  return cluster;
}

test('what was written to a master is not confirmed by the one that took over from it', async () => {
  const cluster = await ownCluster();
  const here = place(cluster.url);
  const { client } = here;
  const slot = slotOf(here.key('n'));
  const confirmation = new ReplicaConfirmation(client, { replicasToConfirm: 1, confirmOnDisk: false });
  await client.ping();
  const before = confirmation.before([slot]);
  await client.set(here.key('n'), 1);
  await confirmation.confirm(before);

  const [replica] = await cluster.replicasOf(await cluster.masterOfSlot(slot));
  await replica!.run('CLUSTER', 'FAILOVER', 'TAKEOVER'); // as it does when the master is cut off: with what it has by now
  await until('the connection knows', () => {
    (client as ClusterConnection).refreshSlotsCache();
    return client.masterOf(slot)?.options.port === replica!.port;
  });
  await cluster.untilHealthy();
  await expect(confirmation.confirm(before)).rejects.toThrow(NotReplicatedError);
  await confirmation.confirm(confirmation.before([slot]));
});

test('a key that is recorded where no replica confirms it is not told as accepted', async () => {
  const cluster = await ownCluster();
  const here = place(cluster.url);
  const ofQueues = slotOf(new Partitions(here.prefix, 1).all[0].prefix);
  const queues = await cluster.masterOfSlot(ofQueues);
  const keys = Array.from({ length: 100 }, (_, number) => here.scattered(`n-${number}`));
  const masters = await Promise.all(keys.map((key) => cluster.masterOfSlot(slotOf(key))));
  const index = masters.findIndex((master) => master !== queues);
  const [key, master] = [keys[index]!, masters[index]!];
  await here.worker({ partitions: 1 }); // it tells without a confirmation
  const producer = here.producer({ partitions: 1, replicasToConfirm: 1 });
  const submit = () => producer.counters.increment({ key }, { idempotencyKey: 'order-1' });
  expect(await (await submit()).outcome()).toMatchObject({ status: 'applied' });
  expect((await submit()).isRepeat).toBe(true);

  const [replica] = await cluster.replicasOf(master);
  onTestFinished(() => replica!.start());
  await replica!.kill();
  await expect(submit()).rejects.toThrow(QueueUnavailableError);
  expect(await here.client.get(key)).toBe('1');
});
