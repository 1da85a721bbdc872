import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { slotOf } from '../../src/redis/slots.js';
import { start } from '../support/command.js';
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

test('what is exported is all there is, also of a slot that is half moved; when slots moved meanwhile, that is told', async () => {
  const cluster = await startCluster({ masters: 3, replicasPerMaster: 0 });
  onTestFinished(() => cluster.stop());
  const here = place(cluster.url);
  const id = here.scattered('').slice(0, -1);
  const { client } = here;
  const names = Array.from({ length: 30 }, (_, number) => [`{${id}}:h${number}`, `{${id}}:n${number}`] as const);
  await Promise.all(names.flatMap(([hash, text]) => [client.hset(hash, 'f', 1), client.set(text, 1, 'EX', 1_000)]));
  const others = Array.from({ length: 3_000 }, (_, number) => here.scattered(`${number}`.padEnd(300, '-'))); // more than a pipe holds
  await Promise.all(others.map((key) => client.set(key, 1)));
  const all = [...names.flat(), ...others].sort();
  const environment = { REDIS_URL: cluster.url, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const startExport = () => start(['export', `*${id}*`], environment);
  const keysIn = (stdout: string) =>
    stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { key: string }).key);
  const slot = slotOf(names[0]![0]);
  const source = await cluster.masterOfSlot(slot);
  const target = (await cluster.masters()).find(({ id: other }) => other !== source.id)!;
  const MOVED = expect.stringContaining('slots of the Cluster moved meanwhile') as string;

  let halfMoved: Awaited<ReturnType<typeof startExport>['ended']> | undefined;
  await cluster.moveSlot(slot, target, {
    batch: 20,
    between: async () => {
      halfMoved ??= await startExport().ended;
    },
  });
  expect(halfMoved).toMatchObject({ code: 1, stderr: MOVED });
  expect([...new Set(keysIn(halfMoved!.stdout))].sort()).toEqual(all);
  const moved = await startExport().ended;
  expect(moved).toMatchObject({ code: 0, stderr: '' });
  expect(keysIn(moved.stdout).sort()).toEqual(all);

  const { child, ended } = startExport();
  await once(child.stdout, 'data');
  child.stdout.pause();
  await cluster.moveSlot(slot, source);
  child.stdout.resume();
  expect(await ended).toMatchObject({ code: 1, stderr: MOVED });
});
