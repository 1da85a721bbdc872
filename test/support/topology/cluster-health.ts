import type { ClusterNode } from './cluster-node.js';
import { isMaster, viewOf } from './cluster-view.js';
import type { NodeEntry } from './cluster-view.js';
import { hasReplicaLink } from './replication.js';

/** Says what keeps a cluster from working in full with the nodes that are up, `undefined` if nothing does. */
export async function findClusterFault(nodes: readonly ClusterNode[]): Promise<string | undefined> {
  const living = nodes.filter((node) => node.isRunning);
  try {
    const faults = await Promise.all(living.map((node) => findNodeFault(node, living)));
    return faults.find((fault) => fault !== undefined) ?? (await findDisagreement(living));
  } catch (error) {
    return String(error);
  }
}

async function findNodeFault(node: ClusterNode, living: readonly ClusterNode[]): Promise<string | undefined> {
  const info = String(await node.run('CLUSTER', 'INFO'));
  if (!info.includes('cluster_state:ok') || !info.includes('cluster_slots_ok:16384')) {
    return `the cluster as node ${node.port} sees it:\n${info.split('\r\n').slice(0, 5).join('\n')}`;
  }
  const view = await viewOf(node);
  const stranger = living.find(({ id }) => !view.some((entry) => entry.id === id && isInOrder(entry)));
  if (stranger !== undefined) {
    return `node ${node.port} has no contact with node ${stranger.port}`;
  }
  const lost = view.find(({ id, ranges }) => ranges.length > 0 && !living.some((other) => other.id === id));
  if (lost !== undefined) {
    return `node ${node.port} takes a node that is down for a master: ${lost.id}`;
  }
  if (hasDividedShard(node)) {
    return `node ${node.port} has a master and its replica in different shards`;
  }
  const isReplica = view.some(({ flags }) => flags.includes('myself') && flags.includes('slave'));
  return isReplica && !(await hasReplicaLink(node)) ? `replica ${node.port} has no link to its master` : undefined;
}

/** For a moment after a replica got its master, when Valkey 8.0 could not start again: https://github.com/valkey-io/valkey/issues/2171 */
function hasDividedShard(node: ClusterNode): boolean {
  const lines = node.readNodesFile().trim().split('\n');
  const entries = lines.map((line) => line.split(' ')).filter(([id]) => id !== 'vars');
  const shards = new Map(entries.map(([id, place = '']) => [id, /shard-id=(\w+)/.exec(place)?.[1]]));
  return entries.some(([id, , , masterId]) => masterId !== '-' && shards.get(masterId) !== shards.get(id));
}

function isInOrder({ flags, isConnected }: NodeEntry): boolean {
  return isConnected && !['fail', 'fail?', 'handshake', 'noaddr'].some((flag) => flags.includes(flag));
}

/** Whether some nodes know other masters, or other slots of them, than the rest. */
async function findDisagreement(living: readonly ClusterNode[]): Promise<string | undefined> {
  const views = await Promise.all(living.map(viewOf));
  const masters = new Set(views.map(describeMasters));
  return masters.size > 1 ? `the nodes disagree:\n${[...masters].join('\n')}` : undefined;
}

function describeMasters(view: readonly NodeEntry[]): string {
  return view
    .filter(isMaster)
    .map(({ id, ranges }) => `${id} ${ranges.map((range) => range.join('-')).join(' ')}`)
    .sort()
    .join('; ');
}
