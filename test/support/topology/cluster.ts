import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findClusterFault } from './cluster-health.js';
import { ClusterNode } from './cluster-node.js';
import { isMaster, ownsSlot, viewOfAny } from './cluster-view.js';
import { createCluster, joinCluster } from './create-cluster.js';
import { freePorts } from './free-ports.js';
import { moveSlot } from './move-slot.js';
import type { MoveSlotOptions } from './move-slot.js';
import { Security } from './security.js';
import type { SecurityOptions } from './security.js';
import { untilWell } from './until-well.js';

const HEALTHY_TIMEOUT_MS = 30_000;

export interface ClusterOptions {
  /** @defaultValue 3 */
  readonly masters?: number;
  /** @defaultValue 1 */
  readonly replicasPerMaster?: number;
  /** Further settings of each node as arguments, e.g. `['--maxmemory', '8mb']`. */
  readonly settings?: readonly string[];
  /** @defaultValue `redis-server` */
  readonly program?: string;
  /** Unset: without TLS, and the default user may do everything. */
  readonly security?: SecurityOptions | undefined;
}

/** Starts a Redis Cluster on loopback and waits until it is healthy. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { masters = 3, replicasPerMaster = 1, settings = [], program = 'redis-server' } = options;
  const folder = mkdtempSync(join(tmpdir(), 'tally-cluster-'));
  const ports = await freePorts(masters * (1 + replicasPerMaster));
  const security = options.security && (await Security.make(folder, options.security));
  const newNode = (port: number) => new ClusterNode({ program, port, folder, settings, security });
  const cluster = new Cluster(folder, newNode, ports.map(newNode), security);
  try {
    await Promise.all(cluster.nodes.map((node) => node.start()));
    await createCluster(cluster.nodes, masters);
    await cluster.untilHealthy();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

export class Cluster {
  /** Tally's URL of the cluster. It names the nodes of the start, not those added later. */
  readonly url: string;
  readonly #nodes: ClusterNode[];

  constructor(
    private readonly folder: string,
    private readonly newNode: (port: number) => ClusterNode,
    nodes: readonly ClusterNode[],
    readonly security?: Security,
  ) {
    this.#nodes = [...nodes];
    const [first, ...others] = nodes.map(({ port }) => `127.0.0.1:${port}`);
    const scheme = security === undefined ? 'redis-cluster' : 'rediss-cluster';
    this.url = `${scheme}://${first ?? ''}?${others.map((address) => `node=${address}`).join('&')}`;
  }

  /** All nodes, up or down. */
  get nodes(): readonly ClusterNode[] {
    return this.#nodes;
  }

  /** The masters that work, with slots or without. */
  async masters(): Promise<ClusterNode[]> {
    const view = await viewOfAny(this.#nodes);
    return view.filter(isMaster).map(({ id }) => this.#byId(id));
  }

  /** The replicas of a master, up or down. */
  async replicasOf(master: ClusterNode): Promise<ClusterNode[]> {
    const view = await viewOfAny(this.#nodes);
    return view.filter(({ masterId }) => masterId === master.id).map(({ id }) => this.#byId(id));
  }

  /** The master that owns a slot, up or down. */
  async masterOfSlot(slot: number): Promise<ClusterNode> {
    const owner = (await viewOfAny(this.#nodes)).find((entry) => ownsSlot(entry, slot));
    if (owner === undefined) {
      throw new Error(`slot ${slot} has no master`);
    }
    return this.#byId(owner.id);
  }

  /**
   * Waits until all nodes that are up agree: every slot has a master that is up, and each replica follows its master.
   */
  async untilHealthy(limitMs = HEALTHY_TIMEOUT_MS): Promise<void> {
    await untilWell(limitMs, () => findClusterFault(this.#nodes));
  }

  /** Moves one slot with its keys to another master while clients use it. */
  async moveSlot(slot: number, to: ClusterNode, options: MoveSlotOptions = {}): Promise<void> {
    const from = await this.masterOfSlot(slot);
    if (from === to) {
      throw new Error(`slot ${slot} is already on node ${to.port}`);
    }
    const otherMasters = (await this.masters()).filter((master) => master !== from && master !== to);
    await moveSlot({ ...options, slot, from, to, otherMasters });
  }

  /** Adds a master without slots and replicas. */
  async addMaster(): Promise<ClusterNode> {
    const living = this.#nodes.filter((node) => node.isRunning);
    const [port = NaN] = await freePorts(1);
    const node = this.newNode(port);
    this.#nodes.push(node);
    await node.start();
    await joinCluster(node, living);
    await this.untilHealthy();
    return node;
  }

  /** Ends all nodes, frozen ones too, and removes their files. */
  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #byId(id: string): ClusterNode {
    const node = this.#nodes.find((it) => it.id === id);
    if (node === undefined) {
      throw new Error(`the cluster has a node of unknown id ${id}`);
    }
    return node;
  }
}
