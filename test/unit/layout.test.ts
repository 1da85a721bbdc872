import { describe, expect, test } from 'vitest';
import type { Layout } from '../../src/layout/layout.js';
import { newJobId } from '../../src/layout/new-job-id.js';
import { SplitLayout } from '../../src/layout/split-layout.js';
import { SplitReceipts } from '../../src/layout/split-receipts.js';
import { WholeLayout } from '../../src/layout/whole-layout.js';
import { WholeReceipts } from '../../src/layout/whole-receipts.js';
import type { Step } from '../../src/operations/operation.js';
import { createKeys, DEFAULT_NAMESPACE } from '../../src/redis/keys.js';
import { NO_SLOT, slotOf, SLOTS } from '../../src/redis/slots.js';

const { prefix } = DEFAULT_NAMESPACE;
const keys = createKeys(DEFAULT_NAMESPACE);
const whole = new WholeLayout(prefix, new WholeReceipts());
const splitServer = new SplitLayout(prefix, 8, new WholeReceipts());
const cluster = new SplitLayout(prefix, 8, new SplitReceipts());

function step(...keysOfCells: string[]): Step {
  const cells = keysOfCells.map((key) => ({ key }));
  return { operation: 'a.b', cells, args: [], history: false, params: {}, rejections: {} };
}

const refuse = () => {
  throw new Error('its slot is not known');
};

describe.each<[name: string, layout: Layout]>([
  ['one server', whole],
  ['one server with partitions', splitServer],
  ['a Cluster', cluster],
])('the layout of %s', (_name, layout) => {
  test('finds a job by its id where its first update went', () => {
    for (let n = 0; n < 200; n += 1) {
      const slot = layout.slotOf([step(`key-${n}`)]);
      if (typeof slot === 'object') {
        throw new Error('one key lies in one slot');
      }

      expect(layout.partitionOfJob(newJobId(slot))).toBe(layout.partitionOf(slot));
      expect(layout.partitions).toContain(layout.partitionOf(slot));
    }
  });

  test('shares its partitions so that each belongs to somebody, and to one only where there are several', () => {
    const shares = [1, 2, 3].map((number) => layout.shareOf(number, 3));

    expect(layout.shareOf(1, 1)).toEqual(layout.partitions);
    expect(new Set(shares.flat())).toEqual(new Set(layout.partitions));
    expect(shares.map(({ length }) => length)).toEqual(layout === whole ? [1, 1, 1] : [3, 3, 2]);
  });

  test('gives each update of a job its place in it, in one group or another', () => {
    const updates = ['{a}1', '{b}1', '{a}2'].map((key) => ({ key, slot: slotOf(key) }));
    const groups = layout.receipts.groups(updates, refuse);

    const places = groups.flatMap((group) => group.updates.map((update, place) => [group.indexAt(place), update.key]));
    expect(places.sort()).toEqual([...updates.entries()].map(([index, { key }]) => [index, key]));
    const changed = groups.map((group) => group.map((update) => ({ ...update, key: 'changed' })));
    expect(changed.map(({ slot, isPart }) => [slot, isPart])).toEqual(groups.map(({ slot, isPart }) => [slot, isPart]));
  });
});

test('the partitions of one server are those of a Cluster; without them, queues lie under the prefix itself', () => {
  expect(splitServer.partitions).toEqual(cluster.partitions);
  expect(cluster.partitions.map(({ name }) => name)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((n) => `${n}-of-8`));
  expect(whole.partitions).toEqual([{ prefix: 'tally-queues', slot: slotOf('tally-queues'), name: undefined }]);
  for (const partition of cluster.partitions) {
    expect(slotOf(`${partition.prefix}:counters:wait`)).toBe(partition.slot);
    expect(cluster.partitionOf(partition.slot)).toBe(partition);
  }
  expect([cluster.partitionOf(0), cluster.partitionOf(SLOTS - 1)]).toEqual([
    cluster.partitions[0],
    cluster.partitions.at(-1),
  ]);
});

describe('an update', () => {
  const across = [step('{a}1'), step('{b}1')];

  test('may change keys of two slots on one server, also when its queues are split', () => {
    expect(whole.slotOf()).toBe(NO_SLOT);
    expect(splitServer.slotOf(across)).toBe(slotOf('{a}1'));
    expect(cluster.slotOf(across)).toEqual({ first: '{a}1', other: '{b}1' });
    expect(cluster.slotOf([step('{a}1', '{a}2')])).toBe(slotOf('{a}'));
  });

  test('has its receipts in one place on one server, whatever the partition; in a Cluster beside its cells', () => {
    const name = { owner: '', operation: 'counter.increment', key: 'k' };
    const receiptIn = ({ receipts }: Layout) => keys.idempotencyReceipt(name, receipts.slotFor(slotOf('{a}1')));

    expect(receiptIn(splitServer)).toBe(receiptIn(whole));
    expect(receiptIn(whole)).toBe('tally:idem::counter.increment:k');
    expect(slotOf(receiptIn(cluster))).toBe(slotOf('{a}1'));
    expect(whole.receipts.slotOfKey()).toBe(NO_SLOT);
    expect(cluster.receipts.slotOfKey('{a}1')).toBe(slotOf('{a}1'));
    expect(cluster.receipts.slotOfKey('')).toBeUndefined();
  });
});

describe('the receipts of a job', () => {
  const [a, b] = [slotOf('{a}'), slotOf('{b}')];
  const updates = [a, b, a].map((slot, index) => ({ slot, index }));
  const name = { prefix, queue: 'counters', jobId: '1' };
  const ofServer = splitServer.receipts;
  const ofCluster = cluster.receipts;

  test('are one on one server, which tells all; the key of an update holds the slot that it has in a Cluster', () => {
    const [group, ...others] = ofServer.groups(updates, refuse);

    expect(others).toEqual([]);
    expect(group).toMatchObject({ slot: NO_SLOT, updates, isPart: false, isOnlyReceipt: true });
    expect(group.slotInCluster([step('{b}1')])).toBe(b);
    expect([ofServer.answersForJob(3), ofServer.mayBeSeveral(3)]).toEqual([true, false]);
    expect(ofServer.heldSlots(updates)).toBeUndefined();
    expect(ofServer.slotOfUpdate(undefined, 0)).toBe(NO_SLOT);
  });

  test('are one in each slot in a Cluster, in the order in which the slots first come', () => {
    const groups = ofCluster.groups(updates, refuse);

    expect(groups).toMatchObject([
      { slot: a, updates: [updates[0], updates[2]], isPart: true, isOnlyReceipt: false },
      { slot: b, updates: [updates[1]], isPart: true, isOnlyReceipt: false },
    ]);
    expect([0, 1].map((place) => groups[0].indexAt(place))).toEqual([0, 2]);
    expect(ofCluster.groups([updates[0]!, updates[2]!], refuse)).toMatchObject([{ slot: a, isPart: false }]);
    expect([ofCluster.answersForJob(1), ofCluster.answersForJob(2), ofCluster.mayBeSeveral(1)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test('are found again by the slots that its data hold', () => {
    const data: unknown = JSON.parse(JSON.stringify({ slots: ofCluster.heldSlots(updates) }));

    expect(updates.map(({ index }) => ofCluster.slotOfUpdate(data, index))).toEqual([a, b, a]);
    expect(ofCluster.heldSlots([{ slot: a }, { slot: a }])).toBe(a);
    expect(ofCluster.slotOfUpdate({ slots: a }, 7)).toBe(a);
    expect(ofCluster.slotOfUpdate({}, 0)).toBeUndefined();
  });

  test('can not be told of an update whose slot is not known in a Cluster; on one server nobody asks', () => {
    const unknown = [{ slot: a }, { slot: undefined }];

    expect(() => ofCluster.groups(unknown, refuse)).toThrow('its slot is not known');
    expect(ofServer.groups(unknown, refuse)).toHaveLength(1);
  });

  test('are settled with the job on one server; in a Cluster they are left to others, by the slots that were remembered', () => {
    const job = {};
    const [onServer, inCluster] = [ofServer.newJobSlots(), ofCluster.newJobSlots()];
    onServer.remember(job, ofServer.groups(updates, refuse));
    inCluster.remember(job, ofCluster.groups(updates, refuse));

    expect(ofServer.withJobs([name], [], keys)).toEqual(['tally:job:tally-queues:counters:1', 'tally:announced']);
    expect([onServer.of(job), ofServer.apartFromJob(onServer.of(job))]).toEqual([[], []]);
    expect(ofCluster.withJobs([name], [], keys)).toEqual([]);
    expect(ofCluster.apartFromJob(inCluster.of(job))).toEqual([a, b]);
    expect(inCluster.of({})).toEqual([]);
  });
});
