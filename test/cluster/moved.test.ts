import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connectPromptly } from '../../src/redis/connect.js';
import type { ClusterConnection } from '../../src/redis/cluster-connection.js';
import { tagOf } from '../../src/redis/slots.js';
import type { ClusterTarget } from '../../src/redis/target.js';
import { detours, FaultyWays } from '../support/faulty-way.js';
import type { ClusterNode } from '../support/topology/cluster-node.js';
import { ownCluster, SLOTS_OF_FIRST } from './on-masters.js';

/** How clients reach nodes, and at which port each. */
interface Route {
  readonly target: ClusterTarget;
  readonly portOf: (node: ClusterNode) => number;
}

const ROUTES: Readonly<Record<string, (nodes: readonly ClusterNode[]) => Promise<Route>>> = {
  'at their own addresses': (nodes) =>
    Promise.resolve({
      target: { nodes: nodes.map(({ port }) => ({ host: '127.0.0.1', port })) },
      portOf: ({ port }) => port,
    }),
  'at others, by a natMap': async (nodes) => {
    const { ways, natMap, target } = await openDetours(nodes);
    return { target: { ...target, natMap }, portOf: ({ port }) => ways.get(port)! };
  },
  'at others, by a function': async (nodes) => {
    const { ways, natMap, target } = await openDetours(nodes);
    const byFunction = (address: string) => natMap[address] ?? fail(`${address} is no address of a node`);
    return { target: { ...target, natMap: byFunction }, portOf: ({ port }) => ways.get(port)! };
  },
};

test.each(Object.keys(ROUTES))(
  'where nodes are reached %s, a moved slot is known to be at its new master before the slots are asked for, and the others where they are',
  async (by) => {
    const cluster = await ownCluster();
    const { target, portOf } = await ROUTES[by]!(cluster.nodes);
    const connection = connectPromptly(target, 'test', 5_000, pino({ level: 'silent' })) as ClusterConnection;
    onTestFinished(() => {
      connection.disconnectAll();
    });
    const [moving, beside, last] = [1_000, 1_001, SLOTS_OF_FIRST - 1];
    const from = await cluster.masterOfSlot(moving);
    const to = await cluster.masterOfSlot(SLOTS_OF_FIRST);
    const known = (slot: number) => connection.masterOf(slot)?.options.port;
    await connection.ping();
    expect([moving, beside, last].map(known)).toEqual([from, from, from].map(portOf));

    vi.spyOn(connection, 'refreshSlotsCache').mockReturnValue(); // what is known now is from the answer alone
    await cluster.moveSlot(moving, to);
    expect(await connection.get(`{${tagOf(moving)}}`)).toBeNull();

    expect([moving, beside, last].map(known)).toEqual([to, from, from].map(portOf));
  },
);

async function openDetours(nodes: readonly ClusterNode[]) {
  const ways = new FaultyWays();
  onTestFinished(() => {
    ways.close();
  });
  const { nodes: reached, natMap } = await detours(ways, nodes);
  return {
    target: { nodes: reached },
    natMap,
    ways: new Map(nodes.map(({ port }, place) => [port, reached[place]!.port])),
  };
}

function fail(why: string): never {
  throw new Error(why);
}
