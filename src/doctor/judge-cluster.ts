import { readClusterInfo } from '../redis/cluster-nodes.js';
import type { ClusterNode } from '../redis/cluster-nodes.js';
import type { Node } from '../redis/connect-once.js';
import type { Finding } from '../redis/requirements.js';
import { SLOTS } from '../redis/slots.js';
import { count, fault, ok, warning } from './finding.js';

/** Masters, their slots and their replicas. */
export function judgeTopology(known: readonly ClusterNode[]): Finding[] {
  const masters = known.filter(({ isMaster, slots }) => isMaster && slots.length > 0);
  const replicas = known.filter(({ masterId }) => masterId !== undefined);
  const spare = known.filter(({ isMaster, slots, isDown }) => isMaster && slots.length === 0 && !isDown);
  const findings = [
    ok('topology', `a Cluster of ${count(masters.length, 'master')} and ${count(replicas.length, 'replica')}`),
  ];
  for (const { id, address, slots, isDown } of masters) {
    const own = replicas.filter(({ masterId }) => masterId === id);
    const up = own.filter((replica) => !replica.isDown).map((replica) => replica.address);
    const held = slots.reduce((sum, [from, to]) => sum + to - from + 1, 0);
    const text = `${address} holds ${count(held, 'slot')}, with ${up.length === 0 ? 'no replica' : `replica ${up.join(', ')}`}`;
    if (isDown) {
      findings.push(
        fault('masters', `${address} is down: updates of its ${count(held, 'slot')} wait until it is back or replaced`),
      );
    } else if (up.length === 0) {
      findings.push(warning('masters', `${text} that could take over: add one`));
    } else {
      findings.push(ok('masters', text));
    }
  }
  const down = replicas.filter(({ isDown }) => isDown).map(({ address }) => address);
  return [
    ...findings,
    ...(down.length > 0 ? [warning('replicas', `down: ${down.join(', ')}`)] : []),
    ...(spare.length > 0
      ? [
          warning(
            'masters',
            `${spare.map(({ address }) => address).join(', ')}: without slots; redis-cli --cluster rebalance gives it some`,
          ),
        ]
      : []),
  ];
}

/** As each of the nodes sees the Cluster. */
export async function judgeState(nodes: readonly Node[]): Promise<Finding[]> {
  const infos = await Promise.all(
    [...new Set(nodes)].map(async (node) => ({ node, info: await readClusterInfo(node) })),
  );
  const failing = infos.filter(({ info }) => info.get('cluster_state') !== 'ok').map(({ node }) => node.address);
  const worst = (name: string) => Math.max(...infos.map(({ info }) => Number(info.get(name) ?? 0)));
  const uncovered = SLOTS - Math.min(...infos.map(({ info }) => Number(info.get('cluster_slots_assigned') ?? 0)));
  const down = Math.max(worst('cluster_slots_fail'), worst('cluster_slots_pfail'));
  return [
    failing.length === 0
      ? ok('state', 'the Cluster takes commands')
      : fault('state', `cluster_state is fail at ${failing.join(', ')}: nothing works there until it is ok`),
    ...(uncovered > 0
      ? [fault('slots', `${count(uncovered, 'slot')} belong to no master: redis-cli --cluster fix`)]
      : []),
    ...(down > 0 ? [fault('slots', `${count(down, 'slot')} are on a master that is down`)] : []),
    ...(uncovered + down === 0 ? [ok('slots', `all ${SLOTS.toLocaleString('en')} are served`)] : []),
  ];
}
