import { nodeOptions, readClusterNodes } from '../redis/cluster-nodes.js';
import type { ClusterNode } from '../redis/cluster-nodes.js';
import { connectOnce } from '../redis/connect-once.js';
import type { Node } from '../redis/connect-once.js';
import { reachableAddress } from '../redis/nat-map.js';
import { NO_CLUSTER } from '../redis/requirements.js';
import type { Finding } from '../redis/requirements.js';
import { describeTarget } from '../redis/target.js';
import type { ClusterTarget, RedisTarget } from '../redis/target.js';
import { count, fault, ok, warning } from './finding.js';
import { judgeState, judgeTopology } from './judge-cluster.js';
import { noMasters } from './masters.js';
import type { Masters } from './masters.js';

/** Asks the nodes that the URL names for the others. */
export async function findClusterMasters(
  target: RedisTarget,
  options: ClusterTarget,
  timeoutMs: number,
): Promise<Masters> {
  const tried = await Promise.allSettled(
    options.nodes.map(({ host, port }) => connectOnce(nodeOptions(options, `${host}:${port}`), timeoutMs)),
  );
  const reached = tried.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = tried.flatMap((result) => (result.status === 'rejected' ? [(result.reason as Error).message] : []));
  const [first] = reached;
  if (first === undefined) {
    return noMasters(failed.map((message) => fault('connection', message)));
  }
  const findings: Finding[] = [
    ok('connection', describeNodes(target, options)),
    ...failed.map((message) => warning('connection', message)),
  ];
  let known: ClusterNode[];
  try {
    const nodes = await readClusterNodes(first);
    known = nodes.map((node) => ({ ...node, address: reachableAddress(node.address, options.natMap) }));
  } catch (error) {
    close(reached);
    const { message } = error as Error;
    return noMasters([
      ...findings,
      fault('mode', message.includes('cluster support disabled') ? `${first.address}: ${NO_CLUSTER}` : message),
    ]);
  }
  const masters = known.filter(({ isMaster, slots }) => isMaster && slots.length > 0);
  const connected = await connectMasters(
    masters.filter(({ isDown }) => !isDown),
    reached,
    options,
    timeoutMs,
  );
  const state = await judgeState([first, ...connected.nodes]).catch((error: unknown) => [
    fault('state', `can't be checked: ${(error as Error).message}`),
  ]);
  findings.push(...judgeTopology(known), ...connected.failures, ...state);
  close(reached.filter((node) => !connected.nodes.includes(node))); // the first may be a replica
  return {
    nodes: connected.nodes,
    findings,
    isCluster: true,
    masterOf: (slot) => {
      const owner = masters.find(({ slots }) => slots.some(([from, to]) => from <= slot && slot <= to));
      return connected.nodes.find(({ address }) => address === owner?.address);
    },
  };
}

/** The first node that the URL names, and how many there are: all would fill lines. */
function describeNodes(target: RedisTarget, { nodes }: ClusterTarget): string {
  const [first = ''] = describeTarget(target).split(/[?,]/);
  return nodes.length === 1 ? first : `${first} and ${count(nodes.length - 1, 'more node')}`;
}

async function connectMasters(
  masters: readonly ClusterNode[],
  reached: readonly Node[],
  options: ClusterTarget,
  timeoutMs: number,
): Promise<{ nodes: Node[]; failures: Finding[] }> {
  const tried = await Promise.allSettled(
    masters.map(
      async ({ address }) =>
        reached.find((node) => node.address === address) ??
        (await connectOnce(nodeOptions(options, address), timeoutMs)),
    ),
  );
  return {
    nodes: tried.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
    failures: tried.flatMap((result) =>
      result.status === 'rejected' ? [fault('masters', (result.reason as Error).message)] : [],
    ),
  };
}

function close(nodes: readonly Node[]): void {
  for (const { redis } of nodes) {
    redis.disconnect();
  }
}
