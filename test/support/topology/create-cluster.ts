import type { ClusterNode } from './cluster-node.js';
import { viewOf } from './cluster-view.js';
import { BUS_OFFSET } from './free-ports.js';
import { untilWell } from './until-well.js';

const SLOTS = 16_384;
const JOIN_TIMEOUT_MS = 15_000;

/** Makes one cluster of nodes that run: the first ones become masters, the others their replicas in turn. */
export async function createCluster(nodes: readonly ClusterNode[], masters: number): Promise<void> {
  await Promise.all(nodes.map((node, index) => node.run('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)));
  const owners = nodes.slice(0, masters);
  await Promise.all(owners.map((node, index) => giveSlots(node, index, masters)));
  for (const [index, node] of nodes.entries()) {
    await meet(node, nodes.slice(index + 1));
  }
  await untilKnown(nodes);
  const replicas = nodes.slice(masters);
  await Promise.all(
    replicas.map((replica, index) => replica.run('CLUSTER', 'REPLICATE', owners[index % masters]?.id ?? '')),
  );
}

/** Lets a node that runs become a master without slots. */
export async function joinCluster(node: ClusterNode, members: readonly ClusterNode[]): Promise<void> {
  await meet(node, members);
  await untilKnown([node, ...members]);
}

/** Even ranges, as `redis-cli --cluster create` gives them: 0-5460, 5461-10922, 10923-16383 for three masters. */
async function giveSlots(node: ClusterNode, index: number, masters: number): Promise<void> {
  const first = Math.round((index * SLOTS) / masters);
  const last = Math.round(((index + 1) * SLOTS) / masters) - 1;
  await node.run('CLUSTER', 'ADDSLOTSRANGE', first, last);
}

/** Introduces a node to each of the others itself: word of mouth would take seconds. */
async function meet(node: ClusterNode, others: readonly ClusterNode[]): Promise<void> {
  for (const { port } of others) {
    await node.run('CLUSTER', 'MEET', '127.0.0.1', port, port + BUS_OFFSET);
  }
}

async function untilKnown(nodes: readonly ClusterNode[]): Promise<void> {
  await untilWell(JOIN_TIMEOUT_MS, async () => {
    const views = await Promise.all(nodes.map(viewOf));
    const known = views.every((view) => nodes.every(({ id }) => view.some((entry) => entry.id === id)));
    return known ? undefined : 'some nodes have not met';
  });
}
