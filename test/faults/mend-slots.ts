import type { Cluster } from '../support/topology/cluster.js';
import { ownsSlot, viewOf } from '../support/topology/cluster-view.js';
import type { ClusterNode } from '../support/topology/cluster-node.js';

const MIGRATE_TIMEOUT_MS = 5_000;
const AT_ONCE = 100;

/**
 * Ends the move of each slot that was broken off: its keys go to its owner, as `redis-cli --cluster fix` has it. A key that is on both
 * sides is true where it comes from: as long as it is there, that side serves it.
 */
export async function mendSlots(cluster: Cluster): Promise<void> {
  const masters = await cluster.masters();
  for (const node of masters) {
    for (const { slot, peer, isLeaving } of await openSlots(node)) {
      const other = masters.find(({ id }) => id === peer);
      if (other === undefined) {
        continue;
      }
      const [from, to] = isLeaving ? [node, other] : [other, node];
      await finish(slot, from, to, masters);
    }
  }
}

interface OpenSlot {
  readonly slot: number;
  readonly peer: string;
  readonly isLeaving: boolean;
}

/** `[12->-<id>]` leaves for that node, `[12-<-<id>]` comes from it. */
async function openSlots(node: ClusterNode): Promise<OpenSlot[]> {
  const own = String(await node.run('CLUSTER', 'NODES'))
    .split('\n')
    .find((line) => line.includes('myself'));
  return [...(own ?? '').matchAll(/\[(\d+)-([<>])-(\w+)\]/g)].map(([, slot, arrow, peer = '']) => ({
    slot: Number(slot),
    peer,
    isLeaving: arrow === '>',
  }));
}

/** Goes on where the move stood. */
async function finish(
  slot: number,
  from: ClusterNode,
  to: ClusterNode,
  masters: readonly ClusterNode[],
): Promise<void> {
  const isOver = (await viewOf(to)).some((entry) => entry.id === to.id && ownsSlot(entry, slot));
  if (!isOver) {
    await to.run('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await from.run('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
    for (;;) {
      const keys = (await from.connection.callBuffer('CLUSTER', 'GETKEYSINSLOT', slot, AT_ONCE)) as Buffer[];
      if (keys.length === 0) {
        break;
      }
      await from.run('MIGRATE', '127.0.0.1', to.port, '', 0, MIGRATE_TIMEOUT_MS, 'REPLACE', 'KEYS', ...keys);
    }
  }
  const others = masters.filter((master) => master !== from && master !== to);
  for (const master of [to, from, ...others]) {
    await master.run('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
  }
}
