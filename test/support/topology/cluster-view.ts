import type { ClusterNode } from './cluster-node.js';

/** What one node of a cluster says about another, or about itself. */
export interface NodeEntry {
  readonly id: string;
  /** e.g. `myself`, `master`, `slave`, `fail?`, `fail`, `handshake`. */
  readonly flags: readonly string[];
  /** Of a replica, the id of its master. */
  readonly masterId: string | undefined;
  readonly isConnected: boolean;
  /** First and last slot of each range. */
  readonly ranges: readonly (readonly [number, number])[];
}

/** All nodes as one of them sees them. */
export async function viewOf(node: ClusterNode): Promise<NodeEntry[]> {
  const lines = String(await node.run('CLUSTER', 'NODES'))
    .trim()
    .split('\n');
  return lines.map(readLine);
}

/** What the first node that answers sees. */
export async function viewOfAny(nodes: readonly ClusterNode[]): Promise<NodeEntry[]> {
  for (const node of nodes) {
    const view = node.isRunning ? await viewOf(node).catch(() => undefined) : undefined;
    if (view !== undefined) {
      return view;
    }
  }
  throw new Error('no node of the cluster answers');
}

/** Whether it is a master that works, with slots or without. */
export function isMaster({ flags }: NodeEntry): boolean {
  return flags.includes('master') && !flags.includes('fail') && !flags.includes('fail?');
}

export function ownsSlot({ ranges }: NodeEntry, slot: number): boolean {
  return ranges.some(([first, last]) => first <= slot && slot <= last);
}

/** `<id> <address> <flags> <master> <ping> <pong> <epoch> <link> <slot> <slot> ...`; `[...]` are slots on the move. */
function readLine(line: string): NodeEntry {
  const [id = '', , flags = '', master, , , , link, ...slots] = line.split(' ');
  return {
    id,
    flags: flags.split(','),
    masterId: master === '-' ? undefined : master,
    isConnected: link === 'connected',
    ranges: slots.filter((slot) => !slot.startsWith('[')).map(readRange),
  };
}

function readRange(text: string): [number, number] {
  const [first, last = first] = text.split('-').map(Number);
  return [first ?? NaN, last ?? NaN];
}
