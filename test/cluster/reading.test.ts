import { expect, onTestFinished, test } from 'vitest';
import { slotOf } from '../../src/redis/slots.js';
import { startCluster } from '../support/topology/cluster.js';
import { place } from '../support/tally.js';

test('cells are read while their slot is half moved: those that went and those that did not', async () => {
  const cluster = await startCluster({ masters: 3, replicasPerMaster: 0 });
  onTestFinished(() => cluster.stop());
  const here = place(cluster.url);
  const cells = Array.from({ length: 40 }, (_, number) => ({ key: here.key(`n${number}`) }));
  const others = Array.from({ length: 200 }, (_, number) => ({ key: here.scattered(`n${number}`) }));
  const all = [...cells, ...others, { key: here.key('none') }];
  for (const [number, { key }] of all.slice(0, -1).entries()) {
    await here.client.set(key, number);
  }
  const wanted = [...all.keys()].map((number) => (number === all.length - 1 ? null : number));
  const reader = here.reader();
  const values = async () => (await reader.get(all)).map(({ value }) => value);
  expect(await values()).toEqual(wanted);

  const slot = slotOf(cells[0]!.key);
  const source = await cluster.masterOfSlot(slot);
  const target = (await cluster.masters()).find(({ id }) => id !== source.id)!;
  const between: unknown[][] = [];
  await cluster.moveSlot(slot, target, {
    between: async () => {
      between.push(await values());
    },
  });

  expect(between.length).toBeGreaterThan(0);
  expect(between).toEqual(between.map(() => wanted));
  expect(await values()).toEqual(wanted);
});
